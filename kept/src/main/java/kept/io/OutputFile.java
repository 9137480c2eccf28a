package kept.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A large file that appears whole or not at all: it is written to a hidden sibling, which {@link #commit()} forces to disk and renames into place;
 * {@link #close()} without it deletes the sibling, and so does the end of the process by a signal. A device or a pipe is written to from its
 * beginning to its end, and stays.
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
     * Checks that a file may be written and that there is room for it, and makes the temporary one beside it, and missing parents.
     *
     * @param operation what is being done, for messages
     * @param path the file to be
     * @param byteSize how long it will be
     * @param overwrite whether a file that is there is replaced
     * @param inputs files that the output is made from
     * @return the file in the making; the caller writes, commits and closes it
     * @throws CheckpointException if the path is a directory, a file without {@code overwrite}, or an input, if the disk has less room than that,
     *     or refuses
     */
    public static OutputFile prepare(String operation, Path path, long byteSize, boolean overwrite, Iterable<Path> inputs) {
        return prepare(operation, path, byteSize, overwrite, inputs, ByteSink::newFile);
    }

    static OutputFile prepare(String operation, Path path, long byteSize, boolean overwrite, Iterable<Path> inputs, ByteSink.Opener opener) {
        try {
            if (Files.isDirectory(path)) {
                throw new CheckpointException(operation, path, "is a directory; name the file to write");
            }
            if (Files.exists(path)) {
                for (Path input : inputs) {
                    if (Files.exists(input) && Files.isSameFile(path, input)) {
                        throw new CheckpointException(operation, path, "is what is read, so it is not replaced; choose another file");
                    }
                }
            }
            if (OutputPath.isSpecial(path)) {
                return new OutputFile(operation, path, byteSize, new OutputPath.NewParents(List.of()), opener);
            }
            if (Files.exists(path) && !overwrite) {
                throw new CheckpointException(operation, path, "exists; choose another file, or replace it with --overwrite");
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
            throw new CheckpointException(operation, path, "cannot be made: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Writes bytes at a place; threads may do so at once.
     *
     * @param bytes what to write: all that remains of the buffer
     * @param position where, in bytes from the start of the file
     * @throws CheckpointException if the disk refuses; then the temporary file is gone
     */
    public void write(ByteBuffer bytes, long position) {
        try {
            file.sink().write(bytes, position);
        } catch (IOException e) {
            throw file.failure(e);
        }
    }

    /**
     * Forces the file to disk and gives it its name.
     *
     * @throws CheckpointException if the disk refuses
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
            // The process is ending, and the hook waits for this object's lock only to find nothing pending.
            return;
        }
    }

    /** The process is ending, perhaps in the middle of writing. */
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
