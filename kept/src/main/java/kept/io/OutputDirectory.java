package kept.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A directory that appears atomically: its files are written to a hidden sibling, which {@link #commit()} syncs to disk and renames. {@link #close()}
 * without a commit deletes the sibling, as does a signal that ends the process.
 *
 * <p>With {@code overwrite}, a directory that contains only {@link OwnFiles} is replaced: both directories swap names in one step where the system
 * supports it; otherwise the old one is moved aside first, and if the process is killed between the two renames, the next run restores it. The old
 * directory is deleted only after the new one is in place. Only one process at a time can write an output; the next run deletes what a killed one
 * left. Use {@link ResumableDirectory} for work that should be resumable after a kill.
 */
public final class OutputDirectory implements AutoCloseable {
    /** How often the shutdown hook retries deleting a directory another thread still writes to. */
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
     * Resolves where an output will be, following links; the output need not exist.
     *
     * @param path the output directory
     * @return its resolved path; auxiliary files are placed beside it
     * @throws FileException if it cannot be an output
     */
    public static Path resolve(Path path) {
        Path place = AtomicFiles.resolveTarget(DirectoryPlacement.OPERATION, path);
        if (place.getFileName() == null) {
            throw new FileException(DirectoryPlacement.OPERATION, path, "is the root of a file system; choose another output");
        }
        return place;
    }

    /**
     * Checks that a directory may be written, without creating anything.
     *
     * @param path the output directory; a link to a directory stands for that directory
     * @param overwrite whether an existing non-empty directory is replaced
     * @param inputs files and directories the output is made from
     * @throws FileException as {@link #prepare} does
     */
    public static void requireReplaceable(Path path, boolean overwrite, Path... inputs) {
        try {
            DirectoryPlacement.requireReplaceable(path, DirectoryPlacement.resolve(path), OutputKind.CHECKPOINT, overwrite, inputs);
        } catch (IOException e) {
            throw new FileException(DirectoryPlacement.OPERATION, path, "cannot be created: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Checks that a directory may be written, and creates the temporary directory beside it and any missing parents.
     *
     * @param path the output directory; a link to a directory stands for that directory
     * @param overwrite whether an existing non-empty directory is replaced
     * @param inputs files and directories the output is made from
     * @return the pending directory; the caller commits and closes it
     * @throws FileException if the path is a file; a non-empty directory without {@code overwrite}; with {@code overwrite}, a directory that
     *     contains anything but {@link OwnFiles} or is a recording; a directory that is or contains an input, the working or home directory, or a
     *     mount point; or if creating directories fails
     */
    public static OutputDirectory prepare(Path path, boolean overwrite, Path... inputs) {
        try {
            Path target = DirectoryPlacement.resolve(path);
            DirectoryPlacement.requireReplaceable(path, target, OutputKind.CHECKPOINT, overwrite, inputs);
            var parents = OutputPath.NewParents.of(target);
            OutputLock lock = null;
            try {
                lock = OutputLock.take(target);
                DirectoryPlacement.recover(target);
                DirectoryPlacement.requireReplaceable(path, target, OutputKind.CHECKPOINT, overwrite, inputs);
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
            throw new FileException(DirectoryPlacement.OPERATION, path, "cannot be created: " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Deletes an auxiliary directory beside an output. It is renamed to a hidden name first, so that a kill during deletion leaves nothing that looks
     * complete; the next run that writes the output deletes the rest.
     *
     * @param directory the directory
     * @param target the output
     * @param files the files that may be in it
     * @throws FileException if it contains anything else; nothing is deleted then
     * @throws IOException if it cannot be renamed or deleted
     */
    public static void discard(Path directory, Path target, OwnFiles files) throws IOException {
        files.requireNothingElse(directory, "it is not deleted; move that away");
        Path remains = DirectoryPlacement.sibling(target, DirectoryPlacement.PARTIAL);
        Files.move(directory, remains, StandardCopyOption.ATOMIC_MOVE);
        files.delete(remains);
    }

    /**
     * The directory to write files to.
     *
     * @return the temporary directory, until {@link #commit()}
     */
    public Path directory() {
        return temporary;
    }

    /**
     * The final path.
     *
     * @return the output directory
     */
    public Path target() {
        return target;
    }

    /**
     * Syncs all files to disk and renames the directory to its final path.
     *
     * @throws FileException if this fails or something else has appeared at the path; the message says where the finished files are, and no
     *     later run deletes them there
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

    /** Deletes the temporary directory with its contents, unless {@link #commit()} was called. */
    @Override
    public synchronized void close() {
        if (pending) {
            settle();
            try (lock) {
                DirectoryPlacement.delete(OwnFiles.PENDING, temporary, "the temporary directory cannot be deleted: ");
            }
            parents.undo();
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
        for (int attempt = 0; pending && attempt < ATTEMPTS; attempt++) {
            try {
                OwnFiles.PENDING.delete(temporary);
                pending = false;
                lock.close();
                parents.undo();
            } catch (IOException | UncheckedIOException e) {
                // Another thread created a file meanwhile; once the directory is gone it cannot create more.
                Thread.onSpinWait();
            } catch (FileException e) {
                // The directory contains a file of the user's: keep it; the next run reports it.
                pending = false;
                lock.close();
            }
        }
    }
}
