package kept.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A directory that appears whole or not at all: its files are written to a hidden sibling, which {@link #commit()} forces to disk and renames into
 * place; {@link #close()} without it deletes the sibling, and so does the end of the process by a signal.
 *
 * <p>With {@code overwrite}, what was there is moved aside first and deleted only when the new directory stands. Where a crash comes between these
 * two renamings, the old directory is whole under its hidden name. One process at a time makes an output; what a killed one left of it is deleted
 * by the next. {@link ResumableDirectory} is for what takes so long that one wants to go on after a kill.
 */
public final class OutputDirectory implements AutoCloseable {
    private static final String SUFFIX = "partial";
    private static final String RANDOM = "\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.";
    /** How often an ending process tries to delete what another thread is still writing to. */
    private static final int ATTEMPTS = 100;

    private final Path target;
    private final Path temporary;
    private final boolean overwrite;
    private final OutputLock lock;
    private final Thread hook = new Thread(this::abandon, "output-directory");
    private boolean pending = true;

    private OutputDirectory(Path target, Path temporary, boolean overwrite, OutputLock lock) {
        this.target = target;
        this.temporary = temporary;
        this.overwrite = overwrite;
        this.lock = lock;
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) {
            abandon();
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
     *     is or holds an input, the working or the home directory, or if the disk refuses
     */
    public static OutputDirectory prepare(Path path, boolean overwrite, Path... inputs) {
        try {
            Path target = DirectoryPlacement.resolve(path);
            DirectoryPlacement.requireReplaceable(path, target, overwrite, inputs);
            Files.createDirectories(target.getParent());
            OutputLock lock = OutputLock.take(target);
            try {
                deleteLeftovers(target);
                Path temporary = DirectoryPlacement.sibling(target, SUFFIX);
                Files.createDirectory(temporary);
                return new OutputDirectory(target, temporary, overwrite, lock);
            } catch (IOException | RuntimeException e) {
                lock.close();
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
     * @throws IOException if it cannot be renamed or deleted
     */
    public static void discard(Path directory, Path target) throws IOException {
        Path remains = DirectoryPlacement.sibling(target, SUFFIX);
        Files.move(directory, remains, StandardCopyOption.ATOMIC_MOVE);
        DirectoryPlacement.deleteTree(remains);
    }

    /** Deletes what runs that were killed had written. */
    static void deleteLeftovers(Path target) throws IOException {
        Pattern name = Pattern.compile(Pattern.quote("." + target.getFileName()) + RANDOM + SUFFIX);
        List<Path> leftovers;
        try (Stream<Path> siblings = Files.list(target.getParent())) {
            leftovers = siblings.filter(path -> name.matcher(path.getFileName().toString()).matches()).toList();
        }
        for (Path leftover : leftovers) {
            DirectoryPlacement.deleteTree(leftover);
        }
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
                DirectoryPlacement.deleteTree(temporary, "the temporary directory cannot be deleted: ");
            }
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
                DirectoryPlacement.deleteTree(temporary);
                pending = false;
                lock.close();
            } catch (IOException | UncheckedIOException e) {
                // Another thread has made a file meanwhile; without the directory it can make no more.
                Thread.onSpinWait();
            }
        }
    }
}
