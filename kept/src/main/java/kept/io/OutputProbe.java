package kept.io;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/**
 * Whether an output can be written, found out before the work for it begins, by doing what will be done in the end: a temporary file is made where
 * the output will lie, and deleted again. Permissions alone do not tell, least of all to root. What is neither a file nor a directory, such as a
 * device or a pipe, is not touched.
 */
public final class OutputProbe {
    private OutputProbe() { }

    /**
     * Tries a file in a directory that exists.
     *
     * @param option that names it, for messages
     * @param path the file to be, or one that will be replaced
     * @throws CheckpointException if it cannot be written
     */
    public static void requireFile(String option, Path path) {
        attempt(option, path, () -> {
            if (isSpecial(path)) {
                requireWritable(path);
                return;
            }
            requireNoDirectory(path);
            Path target = OutputPath.resolve(path);
            if (Files.exists(target)) {
                requireWritable(target);
            }
            Path parent = target.getParent();
            if (!Files.exists(parent)) {
                throw new FileSystemException(path.toString(), null, "the directory %s does not exist; make it first".formatted(parent));
            }
            makeAndDelete(parent, target);
        });
    }

    /**
     * Tries a file whose missing directories will be made.
     *
     * @param option that names it, for messages
     * @param path the file to be
     * @throws CheckpointException if it cannot be written
     */
    public static void requireNewFile(String option, Path path) {
        if (isSpecial(path)) {
            requireFile(option, path);
            return;
        }
        attempt(option, path, () -> {
            requireNoDirectory(path);
            Path target = OutputPath.resolve(path);
            makeAndDelete(OutputPath.existingParent(target), target);
        });
    }

    /**
     * Tries a directory that will be made, and missing ones above it.
     *
     * @param option that names it, for messages
     * @param path the directory to be
     * @throws CheckpointException if it cannot be made
     */
    public static void requireDirectory(String option, Path path) {
        attempt(option, path, () -> {
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new FileSystemException(path.toString(), null, "it is a file, not a directory; choose another output");
            }
            Path target = OutputPath.resolve(path);
            if (target.getFileName() != null) {
                makeAndDelete(OutputPath.existingParent(target), target);
            }
        });
    }

    /**
     * Tries a directory that exists, in which files will be made.
     *
     * @param option that names it, for messages
     * @param path the directory
     * @throws CheckpointException if none can be
     */
    public static void requireFolder(String option, Path path) {
        attempt(option, path, () -> {
            if (!Files.exists(path)) {
                throw new FileSystemException(path.toString(), null, "the directory does not exist; make it first");
            }
            if (!Files.isDirectory(path)) {
                throw new NotDirectoryException(path.toString());
            }
            makeAndDelete(path.toRealPath(), path.toRealPath().resolve("file"));
        });
    }

    /**
     * Whether something is there that is neither a file nor a directory, and so is written to and not replaced.
     *
     * @param path any path
     * @return true for devices, pipes and the like
     */
    public static boolean isSpecial(Path path) {
        return OutputPath.isSpecial(path);
    }

    /**
     * Where an output comes to lie, links followed.
     *
     * @param option that names it, for messages
     * @param path any path
     * @return its place
     * @throws CheckpointException if it can have none
     */
    public static Path place(String option, Path path) {
        Path[] place = new Path[1];
        attempt(option, path, () -> place[0] = OutputPath.resolve(path));
        return place[0];
    }

    private static void requireNoDirectory(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new FileSystemException(path.toString(), null, "it is a directory; name the file to write");
        }
    }

    private static void requireWritable(Path path) throws IOException {
        if (!Files.isWritable(path)) {
            throw new AccessDeniedException(path.toString());
        }
    }

    private static void makeAndDelete(Path directory, Path target) throws IOException {
        requireName(target);
        Path temporary = AtomicFiles.temporary(directory.resolve(target.getFileName()));
        try {
            Files.createFile(temporary);
            Files.delete(temporary);
        } catch (IOException e) {
            throw new FileSystemException(target.toString(), null, "no file can be made in %s: %s".formatted(directory, AtomicFiles.reason(e)));
        }
    }

    /** Its name may be longer than the file system allows. */
    private static void requireName(Path target) throws IOException {
        try {
            Files.readAttributes(target, "size");
        } catch (NoSuchFileException e) {
            // The name is free.
            return;
        }
    }

    /** What is tried. */
    @FunctionalInterface
    private interface Attempt {
        void make() throws IOException;
    }

    private static void attempt(String option, Path path, Attempt attempt) {
        try {
            attempt.make();
        } catch (IOException e) {
            throw new CheckpointException("output", path, "%s cannot be written: %s".formatted(option, AtomicFiles.reason(e)), e);
        }
    }
}
