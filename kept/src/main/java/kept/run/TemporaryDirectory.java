package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.text.Reasons;

/**
 * A directory among the system's temporary ones, which goes with all that is in it when it is closed, or when the process is ended by a signal before
 * that. Links are removed, never what they lead to.
 */
public final class TemporaryDirectory implements AutoCloseable {
    /** The maximum number of attempts to remove a directory to which other threads still write. */
    private static final int ATTEMPTS = 20;

    private final Path path;
    private final Thread hook = new Thread(this::removeAfterSaving, "temporary directory");

    /**
     * Makes an empty one.
     *
     * @param name what its name begins with
     * @throws RunException if none can be made
     */
    public TemporaryDirectory(String name) {
        try {
            path = Files.createTempDirectory(name);
        } catch (IOException e) {
            throw new RunException(
                    "[temporary] no directory can be made in %s: %s".formatted(System.getProperty("java.io.tmpdir"), Reasons.of(e)), e);
        }
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) {
            removeAtExit();
            throw new StoppedException();
        }
    }

    /**
     * Its path.
     *
     * @return its path
     */
    public Path path() {
        return path;
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending; the hook may be at work on the same files.
            removeAtExit();
            return;
        }
        try {
            remove();
        } catch (IOException e) {
            throw new RunException("[temporary] %s cannot be removed: %s".formatted(path, Reasons.of(e)), e);
        }
    }

    /** A run that stops may still read from here to save its state. */
    private void removeAfterSaving() {
        Interruption.awaitSaving();
        removeAtExit();
    }

    /** The program's other threads may still write to the directory: it is removed until it is gone, in a bounded number of attempts. */
    private void removeAtExit() {
        for (int attempt = 0; attempt < ATTEMPTS && Files.exists(path); attempt++) {
            try {
                remove();
            } catch (IOException e) {
                Thread.onSpinWait();
            }
        }
    }

    private void remove() throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            List<Path> paths = all.toList();
            for (Path file : paths.reversed()) {
                Files.deleteIfExists(file);
            }
        } catch (NoSuchFileException e) {
            // Removed already.
            return;
        }
    }
}
