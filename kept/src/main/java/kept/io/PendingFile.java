package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file being written under a temporary name beside its target until {@link #commit()} renames it. If the target is a device or pipe, bytes are
 * written to it directly.
 */
public final class PendingFile {
    private final String operation;
    private final Path path;
    private final Path target;
    private final long byteSize;
    /** Null if bytes are written to the target directly. */
    private final Path temporary;
    private final ByteSink sink;

    /**
     * Starts a file.
     *
     * @param operation the prefix of messages
     * @param path its target; a link is followed
     * @param byteSize its size in bytes
     * @param opener creates the temporary file
     * @throws FileException if it cannot be created
     */
    public PendingFile(String operation, Path path, long byteSize, ByteSink.Opener opener) {
        this.operation = operation;
        this.path = path;
        this.byteSize = byteSize;
        boolean special = OutputPath.isSpecial(path);
        this.target = special ? path : AtomicFiles.resolveTarget(operation, path);
        this.temporary = special ? null : AtomicFiles.temporary(target);
        try {
            this.sink = special ? ByteSink.sequential(path) : opener.open(temporary);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    /**
     * The destination of its bytes.
     *
     * @return the open sink
     */
    public ByteSink sink() {
        return sink;
    }

    /**
     * Syncs the file to disk and renames it to its target.
     *
     * @throws IOException if this fails
     */
    public void commit() throws IOException {
        sink.force();
        sink.close();
        if (temporary != null) {
            AtomicFiles.moveIntoPlace(temporary, target);
        }
    }

    /** Deletes the temporary file. */
    public void discard() {
        try (sink) {
            if (temporary != null) {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new FileException(operation, temporary == null ? path : temporary,
                "the temporary file cannot be deleted: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Deletes the temporary file of a failed write and creates the error, with the bytes needed and the bytes free.
     *
     * @param cause the underlying error
     * @return the error to throw
     */
    public FileException failure(IOException cause) {
        return temporary == null
            ? new FileException(operation, path, "cannot be written: " + AtomicFiles.reason(cause), cause)
            : AtomicFiles.failure(operation, path, byteSize, temporary, cause);
    }
}
