package kept.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.UUID;
import kept.text.Reasons;

/**
 * Writes files atomically: under a temporary name in the same directory, synced to disk, and renamed. A symbolic link is kept and its target
 * replaced. Devices and pipes are written to directly.
 */
public final class AtomicFiles {
    private AtomicFiles() { }

    /**
     * Writes a file atomically, replacing an existing one.
     *
     * @param target the file
     * @param bytes its content
     * @throws FileException if it cannot be written; the existing file is unchanged and no temporary file remains
     */
    public static void write(Path target, byte[] bytes) {
        if (OutputPath.isSpecial(target)) {
            writeThrough(target, bytes);
        } else {
            replace(target, bytes);
        }
    }

    private static void writeThrough(Path target, byte[] bytes) {
        try (ByteSink sink = ByteSink.sequential(target)) {
            sink.write(ByteBuffer.wrap(bytes), 0);
        } catch (IOException e) {
            throw new FileException("write", target, "cannot be written: " + reason(e), e);
        }
    }

    private static void replace(Path path, byte[] bytes) {
        Path target = resolveTarget("write", path);
        Path temporary = temporary(target);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            moveIntoPlace(temporary, target);
        } catch (IOException e) {
            throw failure("write", path, bytes.length, temporary, e);
        }
    }

    /** Resolves the path that a write replaces, following links. */
    static Path resolveTarget(String operation, Path path) {
        try {
            return OutputPath.resolve(path);
        } catch (IOException e) {
            throw new FileException(operation, path, "cannot be written: " + reason(e), e);
        }
    }

    /**
     * Writes a JSON file atomically, indented by two spaces and ending in a line feed, keys in the map's order.
     *
     * @param target the file
     * @param content the object: strings, numbers, booleans, nulls, lists and maps
     * @throws FileException if it cannot be written; the existing file is unchanged and no temporary file remains
     */
    public static void writeJson(Path target, Map<String, ?> content) {
        var indenter = new DefaultIndenter("  ", "\n");
        var printer = new DefaultPrettyPrinter(Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(indenter).withArrayIndenter(indenter);
        try {
            write(target, (new ObjectMapper().writer(printer).writeValueAsString(content) + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new FileException("write", target, "cannot be represented as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * Returns an unused hidden name in the same directory; the file is deleted if a signal ends the process.
     *
     * @param target the path
     * @return the path of a file that does not exist
     */
    public static Path temporary(Path target) {
        Path temporary = target.resolveSibling(".%s.%s.tmp".formatted(OutputPath.shortName(target), UUID.randomUUID()));
        temporary.toFile().deleteOnExit();
        return temporary;
    }

    /**
     * Renames a finished file to its target and syncs the directory.
     *
     * @param temporary the finished file
     * @param target its final name
     * @throws IOException if renaming or syncing fails
     */
    public static void moveIntoPlace(Path temporary, Path target) throws IOException {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        syncDirectory(target.toAbsolutePath().getParent());
    }

    /** Syncs a directory to disk. */
    static void syncDirectory(Path directory) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(directory, StandardOpenOption.READ);
        } catch (IOException e) {
            // Some systems cannot open a directory; there, durability of the rename depends on the file system.
            return;
        }
        try (channel) {
            channel.force(true);
        }
    }

    /**
     * Deletes the temporary file of a failed write and creates the error, with the bytes needed and the bytes free.
     *
     * @param operation the operation, for the message
     * @param target the file that was to be written
     * @param needed its bytes
     * @param temporary the temporary file
     * @param cause the underlying error
     * @return the error to throw
     */
    public static FileException failure(String operation, Path target, long needed, Path temporary, IOException cause) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        Path directory = target.toAbsolutePath().getParent();
        String free = Files.isDirectory(directory) ? Long.toString(DiskSpace.free(directory)) : "unknown";
        return new FileException(operation, target, "cannot be written: %s (bytes needed: %d, free there: %s); nothing was changed"
            .formatted(reason(cause), needed, free), cause);
    }

    /**
     * Returns a readable reason: the messages of file system exceptions are often just a path.
     *
     * @param e what happened
     * @return the reason
     */
    public static String reason(IOException e) {
        return Reasons.of(e);
    }
}
