package kept.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One process at a time makes an output: a lock on a hidden file beside it, {@code .NAME.lock}. The operating system releases it with the process,
 * however that ends, so a file that a killed process left says nothing. A file of that name that is not empty is no lock, and is not touched.
 */
final class OutputLock implements AutoCloseable {
    /** Those of this process, to which the operating system would give the same lock again. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /** How often another process may finish just while this one takes the lock. */
    private static final int ATTEMPTS = 100;

    private final Path file;
    private final FileChannel channel;

    private OutputLock(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Takes the lock.
     *
     * @param target the output's absolute path, in a directory that exists
     * @return the lock; the caller closes it
     * @throws CheckpointException if another run holds it
     */
    static OutputLock take(Path target) throws IOException {
        Path file = target.resolveSibling(".%s.lock".formatted(target.getFileName()));
        if (!HELD.add(file)) {
            throw busy(target);
        }
        FileChannel channel = null;
        try {
            for (int attempt = 0; channel == null; attempt++) {
                if (attempt == ATTEMPTS) {
                    throw new CheckpointException("output", target, "its lock %s vanished %d times while it was taken; choose another output"
                        .formatted(file, ATTEMPTS));
                }
                channel = tryTo(file, target);
            }
            return new OutputLock(file, channel);
        } finally {
            if (channel == null) {
                HELD.remove(file);
            }
        }
    }

    /** The locked file; null if another process has deleted it meanwhile, which is one that has just finished. */
    private static FileChannel tryTo(Path file, Path target) throws IOException {
        create(file);
        FileChannel channel = null;
        boolean taken = false;
        try {
            requireEmpty(file, target);
            Object before = identity(file);
            channel = FileChannel.open(file, StandardOpenOption.WRITE);
            requireLock(channel, target);
            taken = Objects.equals(before, identity(file));
            return taken ? channel : null;
        } catch (NoSuchFileException e) {
            return null;
        } finally {
            if (channel != null && !taken) {
                channel.close();
            }
        }
    }

    /** Where no file can be made there is no lock to wait for: that is an error of the place, not a race. */
    private static void create(Path file) throws IOException {
        try {
            Files.createFile(file);
        } catch (FileAlreadyExistsException e) {
            // A killed process left it, or a living one holds it: the lock tells.
            return;
        }
    }

    private static void requireEmpty(Path file, Path target) throws IOException {
        BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!found.isRegularFile() || found.size() > 0) {
            throw new CheckpointException("output", target, ("the name of its lock is taken by %s, which is none; move that away, or choose "
                + "another output").formatted(file));
        }
    }

    private static void requireLock(FileChannel channel, Path target) {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (IOException e) {
            // Some network file systems have no locks; outputs can be made there all the same.
            return;
        }
        if (lock == null) {
            throw busy(target);
        }
    }

    /** Which file it is, whatever its name; null where the system does not say. */
    private static Object identity(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    }

    private static CheckpointException busy(Path target) {
        return new CheckpointException("output", target, "another run is making this output; wait for it, or choose another output");
    }

    /** Deletes the file and gives the lock back. */
    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new CheckpointException("output", file, "the lock cannot be given back: " + AtomicFiles.reason(e), e);
        } finally {
            HELD.remove(file);
        }
    }
}
