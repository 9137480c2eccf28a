package kept.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A directory that appears whole or not at all: its files are written to a hidden sibling, which {@link #commit()} forces to disk and renames into
 * place; {@link #close()} without it deletes the sibling, and so does the end of the process by a signal.
 *
 * <p>With {@code overwrite}, what was there is moved aside first and deleted only when the new directory stands. Where a crash comes between these
 * two renamings, the old directory is whole under its hidden name.
 */
public final class OutputDirectory implements AutoCloseable {
    private static final String OPERATION = "output";
    /** How often an ending process tries to delete what another thread is still writing to. */
    private static final int ATTEMPTS = 100;

    private final Path target;
    private final Path temporary;
    private final boolean overwrite;
    private final Thread hook = new Thread(this::abandon, "output-directory");
    private boolean pending = true;

    private OutputDirectory(Path target, Path temporary, boolean overwrite) {
        this.target = target;
        this.temporary = temporary;
        this.overwrite = overwrite;
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
            Path target = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath().normalize();
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new CheckpointException(OPERATION, path, "is a file, not a directory; choose another output");
            }
            if (isFilled(target)) {
                if (!overwrite) {
                    throw new CheckpointException(OPERATION, path,
                        "exists and is not empty; choose another directory, or replace it with --overwrite");
                }
                refuseHoldingUserData(path, target, inputs);
            }
            if (target.getFileName() == null) {
                throw new CheckpointException(OPERATION, path, "is the root of a file system; choose another output");
            }
            Files.createDirectories(target.getParent());
            Path temporary = sibling(target, "partial");
            Files.createDirectory(temporary);
            return new OutputDirectory(target, temporary, overwrite);
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, path, "cannot be made: " + AtomicFiles.reason(e), e);
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
     *     files are, and {@link #close()} leaves them there
     */
    public synchronized void commit() {
        if (!pending) {
            throw new IllegalStateException("committed or closed already: " + target);
        }
        settle();
        Path old = null;
        try {
            sync();
            if (overwrite && isFilled(target)) {
                old = sibling(target, "old");
                Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
            } else {
                Files.deleteIfExists(target);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            AtomicFiles.syncDirectory(target.getParent());
        } catch (IOException e) {
            restore(old, e);
            throw new CheckpointException(OPERATION, target, "cannot be put in place: %s; the finished files are in %s"
                .formatted(AtomicFiles.reason(e), Files.exists(temporary) ? temporary : target), e);
        }
        if (old != null) {
            deleteTree(old, "the replaced directory cannot be deleted (the new one is in place): ");
        }
    }

    /** Deletes the temporary directory and all in it, unless {@link #commit()} was called. */
    @Override
    public synchronized void close() {
        if (pending) {
            settle();
            deleteTree(temporary, "the temporary directory cannot be deleted: ");
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
                deleteTree(temporary);
                pending = false;
            } catch (IOException | UncheckedIOException e) {
                // Another thread has made a file meanwhile; without the directory it can make no more.
                Thread.onSpinWait();
            }
        }
    }

    private void restore(Path old, IOException cause) {
        if (old != null && Files.exists(old) && !Files.exists(target)) {
            try {
                Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
        }
    }

    private void sync() throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(temporary)) {
            paths = walk.toList();
        }
        for (Path path : paths) {
            if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
                AtomicFiles.syncDirectory(path);
            } else if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                // For reading, since a file copied from a read-only one is read-only itself.
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                    channel.force(true);
                }
            }
        }
    }

    private static boolean isFilled(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (Stream<Path> content = Files.list(directory)) {
            return content.findAny().isPresent();
        }
    }

    private static void refuseHoldingUserData(Path path, Path target, Path... inputs) throws IOException {
        List<Path> precious = new ArrayList<>(List.of(inputs));
        precious.add(Path.of(""));
        precious.add(Path.of(System.getProperty("user.home")));
        for (Path kept : precious) {
            if (Files.exists(kept) && kept.toRealPath().startsWith(target)) {
                throw new CheckpointException(OPERATION, path, "%s %s, so it is not replaced; choose another directory"
                    .formatted(kept.toRealPath().equals(target) ? "is" : "holds", kept.toRealPath()));
            }
        }
    }

    private static Path sibling(Path target, String suffix) {
        return target.resolveSibling(".%s.%s.%s".formatted(target.getFileName(), UUID.randomUUID(), suffix));
    }

    private static void deleteTree(Path root, String problem) {
        try {
            deleteTree(root);
        } catch (IOException e) {
            throw new CheckpointException(OPERATION, root, problem + AtomicFiles.reason(e), e);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
