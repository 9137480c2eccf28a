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
 * Ensures that only one process writes an output: a lock on a hidden file beside it, {@code .NAME.lock}. The operating system releases the lock when
 * the process ends, so a file left by a killed process has no effect. A non-empty file of that name is not a lock file and is not touched.
 */
final class OutputLock implements AutoCloseable {
    /** Locks held by this process; the operating system would grant them again. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /** How often to retry when another process deletes the file while this one takes the lock. */
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
     * @param target the output's absolute path, in an existing directory
     * @return the lock; the caller closes it
     * @throws FileException if another run holds it
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
                    throw new FileException("output", target, "its lock file %s was deleted %d times while it was taken; choose another output"
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

    /** Returns the locked file, or null if another process, which has just finished, deleted it meanwhile. */
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

    /** If no file can be created here, there is no lock to wait for: report the error of the location, not a race. */
    private static void create(Path file) throws IOException {
        try {
            Files.createFile(file);
        } catch (FileAlreadyExistsException e) {
            // A killed process left it or a running one holds it: the lock decides.
            return;
        }
    }

    private static void requireEmpty(Path file, Path target) throws IOException {
        BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!found.isRegularFile() || found.size() > 0) {
            throw new FileException("output", target, ("its lock file %s is not empty, so it is not a lock file; move it away, or choose "
                + "another output").formatted(file));
        }
    }

    private static void requireLock(FileChannel channel, Path target) {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (IOException e) {
            // Some network file systems do not support locks; outputs are written there without one.
            return;
        }
        if (lock == null) {
            throw busy(target);
        }
    }

    /** Identifies the file independently of its name; null if the system cannot. */
    private static Object identity(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    }

    private static FileException busy(Path target) {
        return new FileException("output", target, "another run is writing this output; wait for it, or choose another output");
    }

    /** Deletes the file and releases the lock. */
    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new FileException("output", file, "the lock cannot be released: " + AtomicFiles.reason(e), e);
        } finally {
            HELD.remove(file);
        }
    }
}
