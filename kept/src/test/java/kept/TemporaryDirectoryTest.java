package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import kept.run.TemporaryDirectory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Temporary directories go, whatever ends the program, and what links in them lead to stays. */
class TemporaryDirectoryTest {
    @TempDir
    private Path directory;

    @Test
    void whatIsMeasuredGoesWhenASignalEndsTheComparison() throws IOException {
        assertThat(ProgramRun.of("pretrain", "--random", "--tokenizer", Fixtures.path("tokenizer"), "--hidden-size", 16, "--heads", 2, "--layers", 20,
                "--intermediate-size", 16, "--dtype", "f32", "--output", directory.resolve("orion")).code()).isZero();
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path temporary = Files.createDirectory(directory.resolve("temporary"));
        Object[] arguments = {"compare", "--teacher", directory.resolve("orion"), "--mappings", "calibrated", "--calibration", text,
            "--calibration-tokens", 1024, "--held-out", "text=" + text};
        Path errors = directory.resolve("errors.log");
        try (var run = ChildProgram.startWith("-Djava.io.tmpdir=" + temporary, errors, arguments)) {
            while (run.isAlive() && measured(temporary) == 0) {
                LockSupport.parkNanos(1_000_000);
            }
            run.terminate();
            assertThat(run.join()).as("128 + SIGTERM: " + run.notes()).isEqualTo(143);
        }
        assertThat(contents(temporary)).noneMatch(path -> path.getFileName().toString().startsWith("kept-"));
    }

    @Test
    void onlyWhatIsInItIsRemoved() throws IOException {
        Path precious = Files.createDirectories(directory.resolve("precious"));
        Files.writeString(precious.resolve("notes.txt"), "notes");
        var made = new TemporaryDirectory("kept-test");
        try (made) {
            Files.createDirectories(made.path().resolve("a/b"));
            Files.writeString(made.path().resolve("a/b/c"), "c");
            Files.createSymbolicLink(made.path().resolve("a/link"), precious);
        }
        assertThat(made.path()).doesNotExist();
        assertThat(precious.resolve("notes.txt")).hasContent("notes");
        assertThatCode(made::close).doesNotThrowAnyException();
    }

    private static long measured(Path temporary) throws IOException {
        return contents(temporary).stream().filter(path -> path.toString().endsWith(".safetensors")).count();
    }

    private static List<Path> contents(Path directory) throws IOException {
        try (Stream<Path> all = Files.find(directory, Integer.MAX_VALUE, (path, attributes) -> true)) {
            return all.toList();
        } catch (UncheckedIOException e) {
            return List.of();
        }
    }
}
