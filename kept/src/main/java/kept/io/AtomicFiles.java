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
 * Files that appear whole or not at all: written under a temporary name in the same directory, forced to disk, and renamed into place. A link stays,
 * and what it leads to is replaced. What is no file, such as a device or a pipe, is written to and stays too.
 */
public final class AtomicFiles {
    private AtomicFiles() { }

    /**
     * Writes a file at once, replacing one of the same name.
     *
     * @param target the file
     * @param bytes its content
     * @throws CheckpointException if it cannot be written; then nothing has changed and nothing is left behind
     */
    public static void write(Path target, byte[] bytes) {
        if (OutputPath.isSpecial(target)) {
            writeThrough(target, bytes);
        } else {
            replace(target, bytes);
        }
    }

    private static void writeThrough(Path target, byte[] bytes) {
        try (ByteSink sink = ByteSink.through(target)) {
            sink.write(ByteBuffer.wrap(bytes), 0);
        } catch (IOException e) {
            throw new CheckpointException("write", target, "cannot be written: " + reason(e), e);
        }
    }

    private static void replace(Path path, byte[] bytes) {
        Path target = place("write", path);
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

    /** Where a file comes to lie, links followed. */
    static Path place(String operation, Path path) {
        try {
            return OutputPath.resolve(path);
        } catch (IOException e) {
            throw new CheckpointException(operation, path, "cannot be written: " + reason(e), e);
        }
    }

    /**
     * Writes a JSON file at once, indented by two spaces and ending in a line break, its keys in the map's order.
     *
     * @param target the file
     * @param content the object: strings, numbers, booleans, nulls, lists and maps
     * @throws CheckpointException if it cannot be written; then nothing has changed and nothing is left behind
     */
    public static void writeJson(Path target, Map<String, ?> content) {
        var indenter = new DefaultIndenter("  ", "\n");
        var printer = new DefaultPrettyPrinter(Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(indenter).withArrayIndenter(indenter);
        try {
            write(target, (new ObjectMapper().writer(printer).writeValueAsString(content) + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new CheckpointException("write", target, "not representable as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * A fresh hidden name beside a path; what is there when the process ends by a signal is deleted.
     *
     * @param target the path
     * @return the name, of a file that does not exist
     */
    public static Path temporary(Path target) {
        Path temporary = target.resolveSibling(".%s.%s.tmp".formatted(OutputPath.shortName(target), UUID.randomUUID()));
        temporary.toFile().deleteOnExit();
        return temporary;
    }

    /**
     * Renames a finished file over its target and makes the renaming durable.
     *
     * @param temporary the finished file
     * @param target the name it gets
     * @throws IOException if the disk refuses it
     */
    public static void moveIntoPlace(Path temporary, Path target) throws IOException {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        syncDirectory(target.toAbsolutePath().getParent());
    }

    /** Forces a directory's names to disk. */
    static void syncDirectory(Path directory) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(directory, StandardOpenOption.READ);
        } catch (IOException e) {
            // Some systems cannot open a directory; there the renaming is as durable as their file system makes it.
            return;
        }
        try (channel) {
            channel.force(true);
        }
    }

    /**
     * Deletes what a failed writing left and says what failed, with the bytes that were needed and those that are free.
     *
     * @param operation what was being done
     * @param target the file that was to be written
     * @param needed its bytes
     * @param temporary what was written so far
     * @param cause what the disk said
     * @return the error to throw
     */
    public static CheckpointException failure(String operation, Path target, long needed, Path temporary, IOException cause) {
        String free = "unknown";
        try {
            Files.deleteIfExists(temporary);
            free = Long.toString(Files.getFileStore(target.toAbsolutePath().getParent()).getUsableSpace());
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        return new CheckpointException(operation, target, "cannot be written: %s (bytes needed: %d, free there: %s); nothing was changed"
            .formatted(reason(cause), needed, free), cause);
    }

    /**
     * A cause in words: the file system's exceptions often carry a path alone.
     *
     * @param e what happened
     * @return the reason
     */
    public static String reason(IOException e) {
        return Reasons.of(e);
    }
}
