package kept;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.text.Reasons;

/** A directory among the system's temporary ones, which goes with all that is in it when it is closed. */
final class TemporaryDirectory implements AutoCloseable {
    private final Path path;

    /**
     * Makes an empty one.
     *
     * @param name what its name begins with
     */
    TemporaryDirectory(String name) {
        try {
            path = Files.createTempDirectory(name);
        } catch (IOException e) {
            throw new ProgramException(
                    "[calibration] no directory can be made in %s: %s".formatted(System.getProperty("java.io.tmpdir"), Reasons.of(e)), e);
        }
        // For the case that a signal ends the process before close() is reached; what is in it by then stays.
        path.toFile().deleteOnExit();
    }

    Path path() {
        return path;
    }

    @Override
    public void close() {
        try (Stream<Path> all = Files.walk(path)) {
            List<Path> paths = all.toList();
            for (Path file : paths.reversed()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new ProgramException("[calibration] %s cannot be removed: %s".formatted(path, Reasons.of(e)), e);
        }
    }
}
