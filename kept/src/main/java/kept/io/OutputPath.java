package kept.io;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where a path that a user names for an output leads, and what is there. */
final class OutputPath {
    /** As many as Linux follows. */
    private static final int MOST_LINKS = 40;
    private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
    /** Of the fields of a line of that file: where the file system is mounted. */
    private static final int MOUNT_POINT = 4;

    private OutputPath() { }

    /**
     * The place that a path stands for, whether or not something is there: absolute, and every link on the way followed, as the system would.
     *
     * @param path any path
     * @return its place
     * @throws IOException if links form a loop, a file stands where a directory is needed, a name is too long, or .. follows what does not exist
     */
    static Path resolve(Path path) throws IOException {
        return resolve(path.toAbsolutePath(), MOST_LINKS);
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

    /** Whether there is something that is neither a file nor a directory, such as a device or a pipe: it is written to, and never replaced. */
    static boolean isSpecial(Path path) {
        return Files.exists(path) && !Files.isRegularFile(path) && !Files.isDirectory(path);
    }

    /** The nearest directory that exists, of those that a path lies in. */
    static Path existingParent(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        while (parent.getParent() != null && !Files.exists(parent, LinkOption.NOFOLLOW_LINKS)) {
            parent = parent.getParent();
        }
        return parent;
    }

    /** Whether a file system is mounted at a directory, so that it cannot be renamed; false where the system does not tell. */
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
     * Directories that were made for an output, to be removed again if it comes to nothing.
     *
     * @param made the outer ones first
     */
    record NewParents(List<Path> made) {
        /** Makes what is missing of the directories that a path lies in. */
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

        /** Removes them, as far as they are empty. */
        void undo() {
            for (Path directory : made.reversed()) {
                try {
                    Files.deleteIfExists(directory);
                } catch (IOException e) {
                    // Something has come to be in it meanwhile.
                    return;
                }
            }
        }
    }

    /** The name of a file cut so that a longer one made of it is still a name; a file system allows 255 bytes. */
    static String shortName(Path target) {
        String name = target.getFileName().toString();
        int most = 150;
        if (name.getBytes(Charset.defaultCharset()).length <= most) {
            return name;
        }
        return name.substring(0, name.offsetByCodePoints(0, Math.min(most / 4, name.codePointCount(0, name.length()))));
    }
}
