package kept.io;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/**
 * Tests whether an output can be written before the work starts, by creating and deleting a temporary file at its location. Permissions alone are not
 * reliable, in particular for root. Devices and pipes are not touched.
 */
public final class OutputProbe {
    private OutputProbe() { }

    /**
     * Tests a file in an existing directory.
     *
     * @param option the option that names it, for messages
     * @param path the file to write or replace
     * @throws FileException if it cannot be written
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
                throw new FileSystemException(path.toString(), null, "the directory %s does not exist; create it first".formatted(parent));
            }
            makeAndDelete(parent, target);
        });
    }

    /**
     * Tests a file whose missing directories will be created.
     *
     * @param option the option that names it, for messages
     * @param path the file to write
     * @throws FileException if it cannot be written
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
     * Tests a directory that will be created together with missing parents.
     *
     * @param option the option that names it, for messages
     * @param path the directory to create
     * @throws FileException if it cannot be created
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
     * Tests an existing directory in which files will be created.
     *
     * @param option the option that names it, for messages
     * @param path the directory
     * @throws FileException if no file can be created
     */
    public static void requireFolder(String option, Path path) {
        attempt(option, path, () -> {
            if (!Files.exists(path)) {
                throw new FileSystemException(path.toString(), null, "the directory does not exist; create it first");
            }
            if (!Files.isDirectory(path)) {
                throw new NotDirectoryException(path.toString());
            }
            makeAndDelete(path.toRealPath(), path.toRealPath().resolve("file"));
        });
    }

    /**
     * Tests a directory to which files will be added, and which will be created together with missing parents.
     *
     * @param option the option that names it, for messages
     * @param path the directory
     * @throws FileException if no file can be created
     */
    public static void requireAddedFiles(String option, Path path) {
        if (Files.exists(path)) {
            requireFolder(option, path);
        } else {
            requireDirectory(option, path);
        }
    }

    /**
     * Whether a path is neither a file nor a directory and is therefore written to directly.
     *
     * @param path any path
     * @return true for devices, pipes and similar
     */
    public static boolean isSpecial(Path path) {
        return OutputPath.isSpecial(path);
    }

    /**
     * Resolves the path of an output, following links.
     *
     * @param option the option that names it, for messages
     * @param path any path
     * @return its place
     * @throws FileException if it cannot be an output
     */
    public static Path resolve(String option, Path path) {
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
            throw new FileSystemException(target.toString(), null, "no file can be created in %s: %s".formatted(directory, AtomicFiles.reason(e)));
        }
    }

    /** The name may be longer than the file system allows. */
    private static void requireName(Path target) throws IOException {
        try {
            Files.readAttributes(target, "size");
        } catch (NoSuchFileException e) {
            // The name is not in use.
            return;
        }
    }

    /** The operation to test. */
    @FunctionalInterface
    private interface Attempt {
        void make() throws IOException;
    }

    private static void attempt(String option, Path path, Attempt attempt) {
        try {
            attempt.make();
        } catch (IOException e) {
            throw new FileException("output", path, "%s cannot be written: %s".formatted(option, AtomicFiles.reason(e)), e);
        }
    }
}
