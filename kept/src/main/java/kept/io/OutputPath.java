package kept.io;

import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Resolves output paths given by the user. */
final class OutputPath {
    /** The limit of Linux. */
    private static final int MAX_LINKS = 40;
    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
    /** Index of the mount point among the fields of a line of that file. */
    private static final int MOUNT_POINT = 4;

    private OutputPath() { }

    /**
     * Resolves a path, whether or not it exists: absolute, with all links followed as the system would.
     *
     * @param path any path
     * @return its place
     * @throws IOException if links form a loop, a file is used as a directory, a name is too long, or .. follows a directory that does not exist
     */
    static Path resolve(Path path) throws IOException {
        return resolve(path.toAbsolutePath(), MAX_LINKS);
    }

    private static Path resolve(Path path, int links) throws IOException {
        try {
            return path.toRealPath();
        } catch (NoSuchFileException e) {
            if (path.getFileName() == null || links == 0) {
                throw e;
            }
        }
        if (Files.isSymbolicLink(path)) {
            return resolve(path.resolveSibling(Files.readSymbolicLink(path)), links - 1);
        }
        Path parent = resolve(path.getParent(), links);
        return switch (path.getFileName().toString()) {
            case "", "." -> parent;
            case ".." -> throw new FileSystemException(path.toString(), null, "%s does not exist, so .. cannot follow it".formatted(parent));
            default -> parent.resolve(path.getFileName());
        };
    }

    /**
     * Whether the path is neither a file nor a directory, such as a device or a pipe, or is what the process prints to; it is written to directly and
     * never replaced.
     */
    static boolean isSpecial(Path path) {
        return Files.exists(path) && !Files.isDirectory(path) && (!Files.isRegularFile(path) || printed(path).isPresent());
    }

    /** The stream of the process that a path leads to, if there is one; replacing its file would lose what is printed. */
    static Optional<FileDescriptor> printed(Path path) {
        try {
            if (isSame(path, Path.of("/dev/stdout"))) {
                return Optional.of(FileDescriptor.out);
            }
            return isSame(path, Path.of("/dev/stderr")) ? Optional.of(FileDescriptor.err) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static boolean isSame(Path path, Path stream) throws IOException {
        return Files.exists(stream) && Files.exists(path) && Files.isSameFile(path, stream);
    }

    /** Returns the nearest existing parent directory. */
    static Path existingParent(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        while (parent.getParent() != null && !Files.exists(parent, LinkOption.NOFOLLOW_LINKS)) {
            parent = parent.getParent();
        }
        return parent;
    }

    /** Whether a directory is a mount point and so cannot be renamed; false if the system does not say. */
    static boolean isMountPoint(Path directory) {
        try {
            List<String> lines = Files.readAllLines(MOUNTS, Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8")));
            return lines.stream().map(line -> line.split(" ")).filter(fields -> fields.length > MOUNT_POINT)
                .anyMatch(fields -> unescaped(fields[MOUNT_POINT]).equals(directory.toString()));
        } catch (IOException e) {
            return false;
        }
    }

    private static String unescaped(String field) {
        return field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
    }

    /**
     * Parent directories that were created for an output, to be removed if the output is not finished.
     *
     * @param made the created directories, outermost first
     */
    record NewParents(List<Path> made) {
        /** Creates the missing parent directories of a path. */
        static NewParents of(Path target) throws IOException {
            List<Path> made = new ArrayList<>();
            for (Path parent = target.getParent(); parent != null && !Files.exists(parent); parent = parent.getParent()) {
                made.addFirst(parent);
            }
            var parents = new NewParents(made);
            try {
                if (target.getParent() != null) {
                    Files.createDirectories(target.getParent());
                }
                return parents;
            } catch (IOException e) {
                parents.undo();
                throw e;
            }
        }

        /** Removes those that are empty. */
        void undo() {
            for (Path directory : made.reversed()) {
                try {
                    Files.deleteIfExists(directory);
                } catch (IOException e) {
                    // It is no longer empty.
                    return;
                }
            }
        }
    }

    /** Shortens a file name so that names derived from it stay within the 255 bytes that file systems allow. */
    static String shortName(Path target) {
        String name = target.getFileName().toString();
        int most = 150;
        if (name.getBytes(Charset.defaultCharset()).length <= most) {
            return name;
        }
        return name.substring(0, name.offsetByCodePoints(0, Math.min(most / 4, name.codePointCount(0, name.length()))));
    }
}
