package kept.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A large file that appears atomically: it is written to a hidden sibling, which {@link #commit()} syncs to disk and renames. {@link #close()}
 * without a commit deletes the sibling, as does a signal that ends the process. A device or pipe is written to directly and sequentially.
 */
public final class OutputFile implements AutoCloseable {
    private final Path target;
    private final PendingFile file;
    private final OutputPath.NewParents parents;
    private final Thread hook = new Thread(this::abandon, "output-file");
    private boolean pending = true;

    private OutputFile(String operation, Path target, long byteSize, OutputPath.NewParents parents, ByteSink.Opener opener) {
        this.target = target;
        this.parents = parents;
        this.file = new PendingFile(operation, target, byteSize, opener);
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) {
            abandon();
        }
    }

    /**
     * Checks that a file may be written and that there is space for it, and creates the temporary file beside it and any missing parents.
     *
     * @param operation the prefix of messages
     * @param path the output file
     * @param byteSize its size in bytes
     * @param overwrite whether an existing file is replaced
     * @param inputs files the output is made from
     * @return the pending file; the caller writes, commits and closes it
     * @throws FileException if the path is a directory, an existing file without {@code overwrite}, or an input; if there is not enough space;
     *     or if creating the file fails
     */
    public static OutputFile prepare(String operation, Path path, long byteSize, boolean overwrite, Iterable<Path> inputs) {
        return prepare(operation, path, byteSize, overwrite, inputs, ByteSink::newFile);
    }

    static OutputFile prepare(String operation, Path path, long byteSize, boolean overwrite, Iterable<Path> inputs, ByteSink.Opener opener) {
        try {
            if (Files.isDirectory(path)) {
                throw new FileException(operation, path, "is a directory; name the file to write");
            }
            if (Files.exists(path)) {
                for (Path input : inputs) {
                    if (Files.exists(input) && Files.isSameFile(path, input)) {
                        throw new FileException(operation, path, "is an input, so it is not replaced; choose another file");
                    }
                }
            }
            if (OutputPath.isSpecial(path)) {
                return new OutputFile(operation, path, byteSize, new OutputPath.NewParents(List.of()), opener);
            }
            if (Files.exists(path) && !overwrite) {
                throw new FileException(operation, path, "exists; choose another file, or replace it with --overwrite");
            }
            Path target = OutputPath.resolve(path);
            var parents = OutputPath.NewParents.of(target);
            try {
                DiskSpace.require(target.getParent(), path, byteSize);
                return new OutputFile(operation, target, byteSize, parents, opener);
            } catch (RuntimeException e) {
                parents.undo();
                throw e;
            }
        } catch (IOException e) {
            throw new FileException(operation, path, "cannot be created: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Writes bytes at a position. Thread-safe.
     *
     * @param bytes the buffer whose remaining bytes are written
     * @param position bytes from the start of the file
     * @throws FileException if writing fails; the temporary file is deleted then
     */
    public void write(ByteBuffer bytes, long position) {
        try {
            file.sink().write(bytes, position);
        } catch (IOException e) {
            throw file.failure(e);
        }
    }

    /**
     * Syncs the file to disk and renames it to its final path.
     *
     * @throws FileException if this fails
     */
    public synchronized void commit() {
        if (!pending) {
            throw new IllegalStateException("committed or closed already: " + target);
        }
        try {
            file.commit();
        } catch (IOException e) {
            throw file.failure(e);
        }
        settle();
    }

    /** Deletes the temporary file, unless {@link #commit()} was called. */
    @Override
    public synchronized void close() {
        if (pending) {
            settle();
            discard();
        }
    }

    private void settle() {
        pending = false;
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending, and the shutdown hook waits for this lock only to find nothing pending.
            return;
        }
    }

    /** The process is ending, possibly in the middle of writing. */
    private synchronized void abandon() {
        if (pending) {
            pending = false;
            discard();
        }
    }

    private void discard() {
        file.discard();
        parents.undo();
    }
}
