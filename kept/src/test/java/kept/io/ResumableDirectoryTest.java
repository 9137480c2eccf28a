package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResumableDirectoryTest {
    private static final SequencedMap<String, String> SETTINGS = new LinkedHashMap<>(Map.of("mapping", "opm"));
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    private Path folder;
    private Path target;
    private Path partial;

    @BeforeEach
    void name() {
        target = folder.resolve("out");
        partial = folder.resolve("out.partial");
    }

    @Test
    void appearsWholeAtTheCommit() throws IOException {
        try (var output = begin()) {
            Files.writeString(output.directory().resolve(WEIGHTS), "w");
            assertThat(target).doesNotExist();
            output.commit();
        }
        assertThat(listing(folder)).containsExactly("out");
        assertThat(listing(target)).containsExactly(WEIGHTS);
    }

    @Test
    void leavesNothingWhereItsJournalCannotBeWritten() throws IOException {
        var settings = new LinkedHashMap<String, String>() {
            private static final long serialVersionUID = 1L;

            @Override
            public java.util.Set<java.util.Map.Entry<String, String>> entrySet() {
                throw new IllegalStateException("no entries");
            }
        };
        settings.put("a", "b");
        Path target = folder.resolve("out");
        assertThatThrownBy(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, false, settings)).isInstanceOf(FileException.class)
                .hasMessageContaining("journal.json");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void keepsFinishedWeightFilesAndNothingElse() throws IOException {
        leaveUnfinished();
        assertThat(listing(folder)).containsExactly("out.partial");
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            assertThat(listing(output.directory())).containsExactly(WEIGHTS);
            assertThat(output.finishedFiles()).containsExactly(WEIGHTS);
            output.commit();
        }
        assertThat(target.resolve(WEIGHTS)).hasContent("w");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void leavesNothingWhereNothingIsFinished() throws IOException {
        try (var output = begin()) {
            Files.writeString(output.directory().resolve("config.json"), "{}");
        }
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void anUnfinishedOneIsTouchedOnlyWhenAsked() throws IOException {
        leaveUnfinished();
        refused(this::begin, partial, "contains an unfinished output with 1 finished weight file; continue with --resume, or "
            + "start over with --overwrite");
        assertThat(partial.resolve("files").resolve(WEIGHTS)).exists();
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, true, false, SETTINGS)) {
            assertThat(output.finishedFiles()).isEmpty();
        }
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void doesNotGoOnWithSomethingElse() throws IOException {
        leaveUnfinished();
        var other = new LinkedHashMap<>(Map.of("mapping", "exact"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, other))
            .withMessage("[resume] " + partial + ": was started with other settings: mapping was opm, is exact; start over with --overwrite");
        assertThat(partial.resolve("files").resolve(WEIGHTS)).exists();
        assertThat(listing(folder)).as("no lock is left").containsExactly("out.partial");
    }

    @Test
    void hasNothingToGoOnWith() throws IOException {
        assertThatExceptionOfType(FileException.class)
            .isThrownBy(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS))
            .withMessage("[resume] " + partial + ": there is no unfinished output to resume; start the run without --resume");
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void isMadeByOneAtATime() throws IOException {
        try (var output = begin()) {
            String busy = "another run is writing this output; wait for it, or choose another output";
            refused(this::begin, target, busy);
            refused(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, true, false, SETTINGS), target, busy);
            refused(() -> OutputDirectory.prepare(target, true), target, busy);
            output.commit();
        }
        try (var again = OutputDirectory.prepare(target, true)) {
            again.commit();
        }
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void whatAKilledRunLeftOfItsLockIsNoHindrance() throws IOException {
        Files.createFile(folder.resolve(".out.lock"));
        Files.createDirectories(folder.resolve(".out.0a0a0a0a-1111-2222-3333-444444444444.partial/files"));
        Path other = Files.createDirectory(folder.resolve(".output.0a0a0a0a-1111-2222-3333-444444444444.partial"));
        begin().commit();
        assertThat(listing(folder)).containsExactly(other.getFileName().toString(), "out");
    }

    @Test
    void replacesADirectoryOnlyAtTheCommitAndOnlyIfItMay() throws IOException {
        Files.createDirectory(target);
        Files.writeString(target.resolve("config.json"), "old");
        assertThatExceptionOfType(FileException.class).isThrownBy(this::begin).withMessageContaining("--overwrite");
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, true, false, SETTINGS)) {
            Files.writeString(output.directory().resolve(WEIGHTS), "w");
        }
        assertThat(target.resolve("config.json")).hasContent("old");
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            output.commit();
        }
        assertThat(listing(target)).as("the first run was allowed to").containsExactly(WEIGHTS);
    }

    @Test
    void doesNotReplaceWhatHasComeMeanwhile() throws IOException {
        leaveUnfinished();
        Files.createDirectory(target);
        Files.writeString(target.resolve("config.json"), "old");
        assertThatExceptionOfType(FileException.class)
            .isThrownBy(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS))
            .withMessageContaining("exists and is not empty");
        assertThat(target.resolve("config.json")).hasContent("old");
        assertThat(partial.resolve("files").resolve(WEIGHTS)).exists();
    }

    @Test
    void aRunKilledBetweenTheCommitsRenamingAndItsEndIsFinished() throws IOException {
        leaveUnfinished();
        Files.move(partial.resolve("files"), target);
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            assertThat(output.isInPlace()).isTrue();
            output.commit();
        }
        assertThat(target.resolve(WEIGHTS)).hasContent("w");
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void aRunKilledBeforeItsJournalBeginsAnew() throws IOException {
        Files.createDirectories(partial.resolve("files"));
        Files.writeString(partial.resolve(".journal.json.0a0a0a0a-1111-2222-3333-444444444444.tmp"), "{");
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            Files.writeString(output.directory().resolve(WEIGHTS), "w");
            output.commit();
        }
        assertThat(listing(folder)).containsExactly("out");
    }

    @Test
    void neverDeletesADirectoryThatOnlyHasTheName() throws IOException {
        Files.createDirectory(partial);
        Files.writeString(partial.resolve("diary.txt"), "precious");
        refused(() -> ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, true, false, SETTINGS), partial,
            "holds diary.txt, which this program does not write, so it is not an unfinished output; move it away");
        assertThat(partial.resolve("diary.txt")).hasContent("precious");
    }

    private ResumableDirectory begin() {
        return ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, false, SETTINGS);
    }

    private void leaveUnfinished() throws IOException {
        try (var output = begin()) {
            Files.writeString(output.directory().resolve(WEIGHTS), "w");
            Files.writeString(output.directory().resolve(".model.safetensors.0a0a0a0a-1111-2222-3333-444444444444.tmp"), "half");
            Files.writeString(output.directory().resolve("config.json"), "{}");
        }
    }

    private static void refused(ThrowingCallable call, Path path, String problem) {
        assertThatExceptionOfType(FileException.class).isThrownBy(call).withMessage("[output] " + path + ": " + problem);
    }

    private static List<String> listing(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
