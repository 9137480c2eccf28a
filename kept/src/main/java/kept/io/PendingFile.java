package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file in the making: it lies under a temporary name beside its place until {@link #commit()} gives it its own. Where its place is a device or a
 * pipe, its bytes go there at once.
 */
public final class PendingFile {
    private final String operation;
    private final Path path;
    private final Path target;
    private final long byteSize;
    /** Null where bytes go to their place at once. */
    private final Path temporary;
    private final ByteSink sink;

    /**
     * Begins a file.
     *
     * @param operation what is being done, for messages
     * @param path its place; what a link leads to
     * @param byteSize how long it will be
     * @param opener makes the temporary file
     * @throws CheckpointException if it cannot be made
     */
    public PendingFile(String operation, Path path, long byteSize, ByteSink.Opener opener) {
        this.operation = operation;
        this.path = path;
        this.byteSize = byteSize;
        boolean special = OutputPath.isSpecial(path);
        this.target = special ? path : AtomicFiles.place(operation, path);
        this.temporary = special ? null : AtomicFiles.temporary(target);
        try {
            this.sink = special ? ByteSink.through(path) : opener.open(temporary);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    /**
     * Where its bytes go.
     *
     * @return the open sink
     */
    public ByteSink sink() {
        return sink;
    }

    /**
     * Forces the file to disk and gives it its name.
     *
     * @throws IOException if the disk refuses it
     */
    public void commit() throws IOException {
        sink.force();
        sink.close();
        if (temporary != null) {
            AtomicFiles.moveIntoPlace(temporary, target);
        }
    }

    /** Deletes what was written. */
    public void discard() {
        try (sink) {
            if (temporary != null) {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new CheckpointException(operation, temporary == null ? path : temporary,
                "the temporary file cannot be deleted: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Deletes what a failed writing left and says what failed, with the bytes that were needed and those that are free.
     *
     * @param cause what the disk said
     * @return the error to throw
     */
    public CheckpointException failure(IOException cause) {
        return temporary == null
            ? new CheckpointException(operation, path, "cannot be written: " + AtomicFiles.reason(cause), cause)
            : AtomicFiles.failure(operation, path, byteSize, temporary, cause);
    }
}
