package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputDirectoryTest {
    @TempDir
    private Path folder;

    @Test
    void appearsWholeAtTheCommit() throws IOException {
        Path target = folder.resolve("deep/er/out");
        try (OutputDirectory output = OutputDirectory.prepare(target, false)) {
            Files.writeString(output.directory().resolve("config.json"), "{}");
            Files.createDirectories(output.directory().resolve("sub"));
            Files.writeString(output.directory().resolve("sub/file"), "x");
            assertThat(target).doesNotExist();
            output.commit();
        }
        assertThat(target.resolve("config.json")).hasContent("{}");
        assertThat(target.resolve("sub/file")).hasContent("x");
        assertThat(listing(target.getParent())).containsExactly("out");
    }

    @Test
    void leavesNothingWithoutACommit() throws IOException {
        try (OutputDirectory output = OutputDirectory.prepare(folder.resolve("out"), false)) {
            Files.writeString(output.directory().resolve("config.json"), "{}");
        }
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void takesAnEmptyDirectory() throws IOException {
        Path target = Files.createDirectory(folder.resolve("out"));
        write(target, false, "new");
        assertThat(target.resolve("config.json")).hasContent("new");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void refusesADirectoryThatIsNotEmpty() throws IOException {
        Path target = filled();
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(target, false))
            .withMessage("[output] " + target + ": exists and is not empty; choose another directory, or replace it with --overwrite");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void replacesADirectoryOnlyAtTheCommit() throws IOException {
        Path target = filled();
        try (OutputDirectory output = OutputDirectory.prepare(target, true)) {
            Files.writeString(output.directory().resolve("config.json"), "new");
            assertThat(target.resolve("config.json")).hasContent("old");
        }
        assertThat(target.resolve("config.json")).hasContent("old");
        write(target, true, "new");
        assertThat(listing(target)).containsExactly("config.json");
        assertThat(target.resolve("config.json")).hasContent("new");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void keepsTheFinishedFilesWhenTheirPlaceWasTakenMeanwhile() throws IOException {
        Path target = folder.resolve("out");
        String message;
        try (OutputDirectory output = OutputDirectory.prepare(target, false)) {
            Files.writeString(output.directory().resolve("config.json"), "new");
            filled();
            message = catchThrowableOfType(FileException.class, output::commit).getMessage();
        }
        assertThat(target.resolve("config.json")).hasContent("old");
        String beginning = "[output] " + target + ": cannot be moved into place: the directory is not empty; the finished files are in ";
        assertThat(message).startsWith(beginning);
        write(target, true, "newer");
        assertThat(Path.of(message.substring(beginning.length())).resolve("config.json")).as("the next run leaves them alone").hasContent("new");
    }

    @Test
    void keepsTheOldDirectoryWhenTheNewOneIsGone() throws IOException {
        Path target = filled();
        try (OutputDirectory output = OutputDirectory.prepare(target, true)) {
            Files.delete(output.directory());
            assertThatExceptionOfType(FileException.class).isThrownBy(output::commit);
        }
        assertThat(target.resolve("config.json")).hasContent("old");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void refusesAFileAndTheRoot() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(file, true))
            .withMessage("[output] " + file + ": is a file, not a directory; choose another output");
        Path within = file.resolve("out");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(within, true))
            .withMessageStartingWith("[output] " + within + ": cannot be created: ");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(folder.getRoot(), false));
    }

    @Test
    void neverReplacesWhatHoldsTheWorkingDirectory() throws IOException {
        Path working = Path.of("").toRealPath();
        for (Path path : List.of(working, working.getParent(), working.getRoot())) {
            assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(path, true))
                .withMessage("[output] %s: %s %s, the working directory, so it is not replaced; choose another directory"
                    .formatted(path, path.equals(working) ? "is" : "holds", working));
        }
    }

    @Test
    void followsALinkToADirectory() throws IOException {
        Path target = filled();
        Path link = Files.createSymbolicLink(folder.resolve("link"), target);
        write(link, true, "new");
        assertThat(link).isSymbolicLink();
        assertThat(target.resolve("config.json")).hasContent("new");
    }

    @Test
    void commitsOnce() throws IOException {
        OutputDirectory output = OutputDirectory.prepare(folder.resolve("out"), false);
        output.commit();
        assertThatIllegalStateException().isThrownBy(output::commit);
        output.close();
        assertThat(folder.resolve("out")).isDirectory();
    }

    @Test
    void replacesASmallFileAtOnce() throws IOException {
        Path file = Files.writeString(folder.resolve("state.json"), "old");
        AtomicFiles.write(file, "new".getBytes(StandardCharsets.UTF_8));
        assertThat(file).hasContent("new");
        assertThat(listing(folder)).containsExactly("state.json");
    }

    @Test
    void saysWhyAFileCannotBeWritten() throws IOException {
        Path missing = folder.resolve("missing/file");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> AtomicFiles.write(missing, new byte[3]))
            .withMessage("[write] " + missing
                    + ": cannot be written: no such file or directory (bytes needed: 3, free there: unknown); nothing was changed");
        Path directory = filled();
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> AtomicFiles.write(directory, new byte[3]))
            .withMessageStartingWith("[write] " + directory + ": cannot be written: ");
        assertThat(listing(folder)).containsExactly("out");
    }

    private Path filled() throws IOException {
        Path target = Files.createDirectory(folder.resolve("out"));
        Files.writeString(target.resolve("config.json"), "old");
        return target;
    }

    private static void write(Path target, boolean overwrite, String content) throws IOException {
        try (OutputDirectory output = OutputDirectory.prepare(target, overwrite)) {
            Files.writeString(output.directory().resolve("config.json"), content);
            output.commit();
        }
    }

    private static List<String> listing(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
