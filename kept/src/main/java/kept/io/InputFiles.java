package kept.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import kept.text.EncodingException;
import kept.text.TextFiles;

/**
 * Rules for input files: only regular files are read, and for a checkpoint only files inside it.
 *
 * <p>Opening a pipe or device in place of a file could block forever. Checkpoints may come from untrusted sources, and a link in one could point to a
 * private file, which a conversion would then copy into its output. The target of a link must therefore be inside the checkpoint's directory or, as
 * in the Hugging Face cache, in the {@code blobs} folder beside the {@code snapshots} folder that contains the directory. The directory itself may be
 * reached through links.
 */
public final class InputFiles {
    private static final String SNAPSHOTS = "snapshots";
    private static final String BLOBS = "blobs";
    private static final long MAX_TEXT_BYTES = Integer.MAX_VALUE - 16;
    /** The bits of a Unix mode that encode the file type. */
    private static final int KIND = 0170000;

    private InputFiles() { }

    /**
     * Explains why a path cannot be read as a file: it is a directory, a pipe, a device or a socket.
     *
     * @param file any path
     * @return the problem and what to do, to follow the path in a message; empty for regular files and paths that do not exist
     */
    public static Optional<String> irregularity(Path file) {
        if (!Files.exists(file) || Files.isRegularFile(file)) {
            return Optional.empty();
        }
        if (Files.isDirectory(file)) {
            return Optional.of("is a directory, not a file");
        }
        return Optional.of("is %s; only regular files are read, so save its contents to a file first".formatted(kind(file)));
    }

    /**
     * Requires a regular file.
     *
     * @param operation the prefix of the error message, as in {@code config}
     * @param file the file, or a link to it
     * @return the file
     * @throws FileException if it does not exist, or is a directory, a pipe or a device
     */
    public static Path requireRegular(String operation, Path file) {
        if (!Files.exists(file)) {
            throw new FileException(operation, file, "cannot be read: " + absence(file), new NoSuchFileException(file.toString()));
        }
        irregularity(file).ifPresent(problem -> {
            throw new FileException(operation, file, problem);
        });
        return file;
    }

    /**
     * Finds a file of a checkpoint.
     *
     * @param operation the prefix of the error message
     * @param directory the checkpoint's directory
     * @param name the file's name
     * @return the file, regular and inside the checkpoint; empty if it does not exist
     * @throws FileException if it is a link out of the checkpoint, a broken link, or not a regular file
     */
    public static Optional<Path> find(String operation, Path directory, String name) {
        Path file = directory.resolve(name);
        return Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? Optional.of(requireWithin(operation, file)) : Optional.empty();
    }

    /**
     * Finds a folder of a checkpoint.
     *
     * @param operation the prefix of the error message
     * @param directory the checkpoint's directory
     * @param name the folder's name
     * @return the folder, inside the checkpoint; empty if it does not exist
     * @throws FileException if it is a link out of the checkpoint, a broken link, or not a folder
     */
    public static Optional<Path> findFolder(String operation, Path directory, String name) {
        Path folder = directory.resolve(name);
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        requireInside(operation, folder);
        if (!Files.isDirectory(folder)) {
            throw new FileException(operation, folder, Files.exists(folder) ? "is a file, not a folder" : absence(folder));
        }
        return Optional.of(folder);
    }

    /**
     * Requires a regular file inside the checkpoint that names it.
     *
     * @param operation the prefix of the error message
     * @param file the file in the checkpoint's directory
     * @return the file
     * @throws FileException if it does not exist, is a link out of its directory, or is not a regular file
     */
    public static Path requireWithin(String operation, Path file) {
        requireInside(operation, file);
        return requireRegular(operation, file);
    }

    private static void requireInside(String operation, Path file) {
        try {
            if (Files.exists(file)) {
                Path real = file.toRealPath();
                Path home = file.toAbsolutePath().getParent().toRealPath();
                if (!real.startsWith(home) && !isInCache(home, real)) {
                    throw new FileException(operation, file,
                        "is a link to %s, outside its directory; put the file itself there if it belongs to the checkpoint".formatted(real));
                }
            }
        } catch (IOException e) {
            throw new FileException(operation, file, "cannot be opened: " + AtomicFiles.reason(e), e);
        }
    }

    /** Whether a file is a blob of the same Hugging Face cache that contains the directory. */
    private static boolean isInCache(Path home, Path file) {
        for (Path folder = home; folder != null && folder.getParent() != null; folder = folder.getParent()) {
            if (folder.getFileName().toString().equals(SNAPSHOTS) && !folder.equals(home)) {
                return file.startsWith(folder.resolveSibling(BLOBS));
            }
        }
        return false;
    }

    /**
     * Reads a UTF-8 text file.
     *
     * @param operation the prefix of the error message
     * @param file the file
     * @return its text
     * @throws FileException if it is not a regular file, cannot be read, or is not UTF-8
     */
    public static String text(String operation, Path file) {
        try {
            return TextFiles.decode(bytes(operation, file, MAX_TEXT_BYTES));
        } catch (EncodingException e) {
            throw new FileException(operation, file, "cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Reads the bytes of a file.
     *
     * @param operation the prefix of the error message
     * @param file the file
     * @param most the largest size accepted, in bytes
     * @return its bytes
     * @throws FileException if it is not a regular file, is larger, or cannot be read
     */
    public static byte[] bytes(String operation, Path file, long most) {
        requireRegular(operation, file);
        try {
            if (Files.size(file) > most) {
                throw new FileException(operation, file, "has %d bytes, above the limit of %d".formatted(Files.size(file), most));
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new FileException(operation, file, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Opens a regular file for reading.
     *
     * @param operation the prefix of the error message
     * @param file the file
     * @return the open file
     * @throws FileException if it is not a regular file or cannot be opened
     */
    public static FileChannel open(String operation, Path file) {
        if (!Files.exists(file)) {
            throw new FileException(operation, file, "cannot be opened: " + absence(file), new NoSuchFileException(file.toString()));
        }
        requireRegular(operation, file);
        try {
            return FileChannel.open(file, StandardOpenOption.READ);
        } catch (IOException e) {
            throw new FileException(operation, file, "cannot be opened: " + AtomicFiles.reason(e), e);
        }
    }

    private static String absence(Path file) {
        String remedy = HubCache.remedy(file);
        if (!Files.isSymbolicLink(file)) {
            return "no such file or directory" + remedy;
        }
        try {
            return "it is a broken link to %s: is the download complete?%s".formatted(Files.readSymbolicLink(file), remedy);
        } catch (IOException e) {
            return "it is a broken link" + remedy;
        }
    }

    private static String kind(Path file) {
        try {
            return switch ((int) Files.getAttribute(file, "unix:mode") & KIND) {
                case 0010000 -> "a pipe (FIFO)";
                case 0020000, 0060000 -> "a device";
                case 0140000 -> "a socket";
                default -> "not a regular file";
            };
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return "not a regular file";
        }
    }
}
