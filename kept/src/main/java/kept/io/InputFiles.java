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
 * What may be read: regular files, and of a checkpoint only what lies in it.
 *
 * <p>A pipe or a device where a file is expected would be waited for without end, so whatever opens an input asks here first. A checkpoint comes
 * from elsewhere, and a link in it may point at anything of its user's, which a conversion would then copy into its output: the target of a link must
 * lie in the checkpoint's directory, or, as in the Hugging Face cache, in the folder {@code blobs} beside the {@code snapshots} that holds the
 * directory. The directory may itself be reached by links.
 */
public final class InputFiles {
    private static final String SNAPSHOTS = "snapshots";
    private static final String BLOBS = "blobs";
    private static final long LARGEST_TEXT = Integer.MAX_VALUE - 16;
    /** The bits of a Unix mode that say what a file is. */
    private static final int KIND = 0170000;

    private InputFiles() { }

    /**
     * Why a path is not to be read as a file, if there is a reason: it is a directory, a pipe, a device or a socket.
     *
     * @param file any path; one where nothing is has no reason
     * @return what it is and what to do, to follow the path in a message; empty for regular files and where nothing is
     */
    public static Optional<String> irregularity(Path file) {
        if (!Files.exists(file) || Files.isRegularFile(file)) {
            return Optional.empty();
        }
        if (Files.isDirectory(file)) {
            return Optional.of("is a directory, not a file");
        }
        return Optional.of("is %s; only regular files are read, so save what it gives in a file first".formatted(kind(file)));
    }

    /**
     * Refuses what is not a regular file.
     *
     * @param operation the name that the error message starts with, as in {@code config}
     * @param file the file, or a link to it
     * @return the file
     * @throws CheckpointException if nothing is there, or it is a directory, a pipe or a device
     */
    public static Path requireRegular(String operation, Path file) {
        if (!Files.exists(file)) {
            throw new CheckpointException(operation, file, "cannot be read: " + absence(file), new NoSuchFileException(file.toString()));
        }
        irregularity(file).ifPresent(problem -> {
            throw new CheckpointException(operation, file, problem);
        });
        return file;
    }

    /**
     * A file of a checkpoint, if it has one of a name.
     *
     * @param operation the name that the error message starts with
     * @param directory the checkpoint's directory
     * @param name the file's name
     * @return the file, regular and within the checkpoint; empty if there is none
     * @throws CheckpointException if it is a link out of the checkpoint or to nothing, or is no regular file
     */
    public static Optional<Path> find(String operation, Path directory, String name) {
        Path file = directory.resolve(name);
        return Files.exists(file, LinkOption.NOFOLLOW_LINKS) ? Optional.of(requireWithin(operation, file)) : Optional.empty();
    }

    /**
     * A folder of a checkpoint, if it has one of a name.
     *
     * @param operation the name that the error message starts with
     * @param directory the checkpoint's directory
     * @param name the folder's name
     * @return the folder, within the checkpoint; empty if there is none
     * @throws CheckpointException if it is a link out of the checkpoint or to nothing, or no folder
     */
    public static Optional<Path> findFolder(String operation, Path directory, String name) {
        Path folder = directory.resolve(name);
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        requireInside(operation, folder);
        if (!Files.isDirectory(folder)) {
            throw new CheckpointException(operation, folder, Files.exists(folder) ? "is a file, not a folder" : absence(folder));
        }
        return Optional.of(folder);
    }

    /**
     * Refuses a file that lies outside of the checkpoint it is named in, or is not a regular file.
     *
     * @param operation the name that the error message starts with
     * @param file the file in the checkpoint's directory
     * @return the file
     * @throws CheckpointException if nothing is there, it is a link out of its directory, or it is no regular file
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
                    throw new CheckpointException(operation, file,
                        "is a link to %s, outside its directory; put the file itself there if it belongs to the checkpoint".formatted(real));
                }
            }
        } catch (IOException e) {
            throw new CheckpointException(operation, file, "cannot be opened: " + AtomicFiles.reason(e), e);
        }
    }

    /** Whether a file is a blob of the cache whose snapshots a directory is among. */
    private static boolean isInCache(Path home, Path file) {
        for (Path folder = home; folder != null && folder.getParent() != null; folder = folder.getParent()) {
            if (folder.getFileName().toString().equals(SNAPSHOTS) && !folder.equals(home)) {
                return file.startsWith(folder.resolveSibling(BLOBS));
            }
        }
        return false;
    }

    /**
     * The text of a file of a checkpoint or of a user's.
     *
     * @param operation the name that the error message starts with
     * @param file the file
     * @return its text
     * @throws CheckpointException if it is no regular file, cannot be read, or is not UTF-8
     */
    public static String text(String operation, Path file) {
        try {
            return TextFiles.decode(bytes(operation, file, LARGEST_TEXT));
        } catch (EncodingException e) {
            throw new CheckpointException(operation, file, "cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * The bytes of a file.
     *
     * @param operation the name that the error message starts with
     * @param file the file
     * @param most the most bytes that are read
     * @return its bytes
     * @throws CheckpointException if it is no regular file, has more bytes, or cannot be read
     */
    public static byte[] bytes(String operation, Path file, long most) {
        requireRegular(operation, file);
        try {
            if (Files.size(file) > most) {
                throw new CheckpointException(operation, file, "has %d bytes, above the limit of %d".formatted(Files.size(file), most));
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new CheckpointException(operation, file, "cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Opens a regular file to read from.
     *
     * @param operation what is being done, for messages
     * @param file the file
     * @return the open file
     * @throws CheckpointException if it is no regular file, or cannot be opened
     */
    public static FileChannel open(String operation, Path file) {
        if (!Files.exists(file)) {
            throw new CheckpointException(operation, file, "cannot be opened: " + absence(file), new NoSuchFileException(file.toString()));
        }
        requireRegular(operation, file);
        try {
            return FileChannel.open(file, StandardOpenOption.READ);
        } catch (IOException e) {
            throw new CheckpointException(operation, file, "cannot be opened: " + AtomicFiles.reason(e), e);
        }
    }

    private static String absence(Path file) {
        if (!Files.isSymbolicLink(file)) {
            return "no such file or directory";
        }
        try {
            return "it is a link to %s, where nothing is: is the download complete?".formatted(Files.readSymbolicLink(file));
        } catch (IOException e) {
            return "it is a link to nothing";
        }
    }

    private static String kind(Path file) {
        try {
            return switch ((int) Files.getAttribute(file, "unix:mode") & KIND) {
                case 0010000 -> "a pipe (FIFO)";
                case 0020000, 0060000 -> "a device";
                case 0140000 -> "a socket";
                default -> "no regular file";
            };
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return "no regular file";
        }
    }
}
