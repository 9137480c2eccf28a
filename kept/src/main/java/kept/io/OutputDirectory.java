package kept.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A directory that appears whole or not at all: its files are written to a hidden sibling, which {@link #commit()} forces to disk and renames into
 * place; {@link #close()} without it deletes the sibling, and so does the end of the process by a signal.
 *
 * <p>With {@code overwrite}, a directory that holds nothing but {@link OwnFiles} is replaced: both exchange their names at once where the system
 * knows that; elsewhere the old one is moved aside first, and if a kill comes between these two renamings, the next run puts it back. It is deleted
 * only when the new directory stands. One process at a time makes an output; what a killed one left of it is deleted by the next.
 * {@link ResumableDirectory} is for what takes so long that one wants to go on after a kill.
 */
public final class OutputDirectory implements AutoCloseable {
    /** How often an ending process tries to delete what another thread is still writing to. */
    private static final int ATTEMPTS = 100;

    private final Path target;
    private final Path temporary;
    private final boolean overwrite;
    private final OutputLock lock;
    private final OutputPath.NewParents parents;
    private final Thread hook = new Thread(this::abandon, "output-directory");
    private boolean pending = true;

    private OutputDirectory(Path target, Path temporary, boolean overwrite, OutputLock lock, OutputPath.NewParents parents) {
        this.target = target;
        this.temporary = temporary;
        this.overwrite = overwrite;
        this.lock = lock;
        this.parents = parents;
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) {
            abandon();
        }
    }

    /**
     * Where an output comes to stand, links followed, whether or not it is there.
     *
     * @param path the directory to be
     * @return its place; what belongs to it lies beside that
     * @throws CheckpointException if it can have none
     */
    public static Path place(Path path) {
        Path place = AtomicFiles.place(DirectoryPlacement.OPERATION, path);
        if (place.getFileName() == null) {
            throw new CheckpointException(DirectoryPlacement.OPERATION, path, "is the root of a file system; choose another output");
        }
        return place;
    }

    /**
     * Checks that a directory may be written, and makes nothing.
     *
     * @param path the directory to be; a link to a directory stands for that directory
     * @param overwrite whether one that is there and not empty is replaced
     * @param inputs files and directories that the output is made from
     * @throws CheckpointException as {@link #prepare} does
     */
    public static void requireReplaceable(Path path, boolean overwrite, Path... inputs) {
        try {
            DirectoryPlacement.requireReplaceable(path, DirectoryPlacement.resolve(path), overwrite, inputs);
        } catch (IOException e) {
            throw new CheckpointException(DirectoryPlacement.OPERATION, path, "cannot be made: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Checks that a directory may be written and makes the temporary one beside it, and missing parents.
     *
     * @param path the directory to be; a link to a directory stands for that directory
     * @param overwrite whether one that is there and not empty is replaced
     * @param inputs files and directories that the output is made from
     * @return the directory in the making; the caller commits and closes it
     * @throws CheckpointException if the path is a file, a directory that is not empty without {@code overwrite}, with {@code overwrite} one that
     *     holds anything but {@link OwnFiles}; one that is or holds an input, the working or the home directory, a mount point; or if the disk
     *     refuses
     */
    public static OutputDirectory prepare(Path path, boolean overwrite, Path... inputs) {
        try {
            Path target = DirectoryPlacement.resolve(path);
            DirectoryPlacement.requireReplaceable(path, target, overwrite, inputs);
            var parents = OutputPath.NewParents.of(target);
            OutputLock lock = null;
            try {
                lock = OutputLock.take(target);
                DirectoryPlacement.recover(target);
                DirectoryPlacement.requireReplaceable(path, target, overwrite, inputs);
                Path temporary = DirectoryPlacement.sibling(target, DirectoryPlacement.PARTIAL);
                Files.createDirectory(temporary);
                return new OutputDirectory(target, temporary, overwrite, lock, parents);
            } catch (IOException | RuntimeException e) {
                if (lock != null) {
                    lock.close();
                }
                parents.undo();
                throw e;
            }
        } catch (IOException e) {
            throw new CheckpointException(DirectoryPlacement.OPERATION, path, "cannot be made: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Deletes a directory that lies beside an output and belongs to it. It gets a hidden name first, so that a kill in the middle leaves nothing that
     * looks whole; the next run that makes the output deletes the rest.
     *
     * @param directory the directory
     * @param target the output
     * @param files all that may be in it
     * @throws CheckpointException if there is anything else; then nothing is deleted
     * @throws IOException if it cannot be renamed or deleted
     */
    public static void discard(Path directory, Path target, OwnFiles files) throws IOException {
        files.requireNothingElse(directory, "it is not deleted; move that away");
        Path remains = DirectoryPlacement.sibling(target, DirectoryPlacement.PARTIAL);
        Files.move(directory, remains, StandardCopyOption.ATOMIC_MOVE);
        files.delete(remains);
    }

    /**
     * Where to write the files.
     *
     * @return the temporary directory, until {@link #commit()}
     */
    public Path directory() {
        return temporary;
    }

    /**
     * Where the files will be.
     *
     * @return the directory to be
     */
    public Path target() {
        return target;
    }

    /**
     * Forces all files to disk and gives the directory its name.
     *
     * @throws CheckpointException if the disk refuses, or something else has come to be at the path meanwhile; the message says where the finished
     *     files are, and no run deletes them there
     */
    public synchronized void commit() {
        if (!pending) {
            throw new IllegalStateException("committed or closed already: " + target);
        }
        settle();
        try (lock) {
            DirectoryPlacement.put(temporary, target, overwrite, DirectoryPlacement.sibling(target, "finished"));
        }
    }

    /** Deletes the temporary directory and all in it, unless {@link #commit()} was called. */
    @Override
    public synchronized void close() {
        if (pending) {
            settle();
            try (lock) {
                DirectoryPlacement.delete(OwnFiles.CHECKPOINT, temporary, "the temporary directory cannot be deleted: ");
            }
            parents.undo();
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
        for (int attempt = 0; pending && attempt < ATTEMPTS; attempt++) {
            try {
                OwnFiles.CHECKPOINT.delete(temporary);
                pending = false;
                lock.close();
                parents.undo();
            } catch (IOException | UncheckedIOException e) {
                // Another thread has made a file meanwhile; without the directory it can make no more.
                Thread.onSpinWait();
            } catch (CheckpointException e) {
                // Something of the user's has come to be in it: it stays, and the next run names it.
                pending = false;
                lock.close();
            }
        }
    }
}
