package kept.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One process at a time makes an output: a lock on a hidden file beside it, {@code .NAME.lock}. The operating system releases it with the process,
 * however that ends, so a file that a killed process left says nothing.
 */
final class OutputLock implements AutoCloseable {
    /** Those of this process, to which the operating system would give the same lock again. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

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
            while (channel == null) {
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
        FileChannel channel = null;
        boolean taken = false;
        try {
            create(file);
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

    private static void create(Path file) throws IOException {
        try {
            Files.createFile(file);
        } catch (FileAlreadyExistsException e) {
            // A killed process left it, or a living one holds it: the lock tells.
            return;
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
