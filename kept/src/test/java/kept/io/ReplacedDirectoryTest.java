package kept.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An output that replaces another is always there, whole, for whoever looks, and for the run after a kill at any point. */
class ReplacedDirectoryTest {
    private static final SequencedMap<String, String> SETTINGS = new LinkedHashMap<>(Map.of("mapping", "opm"));
    private static final String KILLED = ".out.0a0a0a0a-1111-2222-3333-444444444444.";
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    private Path folder;
    private Path target;
    private Path partial;

    @BeforeEach
    void makeOutput() throws IOException {
        target = Files.createDirectory(folder.resolve("out"));
        partial = folder.resolve("out.partial");
        Files.writeString(target.resolve(WEIGHTS), "old");
    }

    @Test
    void theNameIsNeverEmptyWhileDirectoriesAreReplaced() throws IOException {
        var over = new AtomicBoolean();
        Path config = target.resolve(WEIGHTS);
        var missed = CompletableFuture.supplyAsync(() -> {
            int times = 0;
            while (!over.get()) {
                times += Files.exists(config) ? 0 : 1;
            }
            return times;
        });
        try {
            for (int i = 0; i < 200; i++) {
                replace("new " + i);
            }
        } finally {
            over.set(true);
        }
        assertThat(missed.join()).isZero();
        assertThat(config).hasContent("new 199");
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void killedBetweenTwoRenamingsTheOldOneComesBack() throws IOException {
        Files.move(target, folder.resolve(KILLED + "old"));
        Path half = Files.createDirectory(folder.resolve(KILLED + "partial"));
        Files.writeString(half.resolve(WEIGHTS), "never came");
        try (var output = OutputDirectory.prepare(target, true)) {
            assertThat(target.resolve(WEIGHTS)).hasContent("old");
            assertThat(half).doesNotExist();
            assertThat(output.directory()).isEmptyDirectory();
        }
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void killedBeforeTheOldOneWasDeletedThatIsDone() throws IOException {
        Path old = Files.createDirectory(folder.resolve(KILLED + "old"));
        Files.writeString(old.resolve(WEIGHTS), "older");
        replace("new");
        assertThat(target.resolve(WEIGHTS)).hasContent("new");
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void aConversionKilledBetweenTwoRenamingsGoesOn() throws IOException {
        leaveUnfinished();
        Files.writeString(partial.resolve("placing.json"), "{\"directory\": \"(dev=1,ino=1)\"}");
        Files.move(target, folder.resolve(KILLED + "old"));
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            assertThat(target.resolve(WEIGHTS)).hasContent("old");
            assertThat(output.finishedFiles()).containsExactly(WEIGHTS);
            output.commit();
        }
        assertThat(target.resolve(WEIGHTS)).hasContent("new");
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void aConversionKilledAfterTheExchangeDoesNotTakeTheOldFilesForItsOwn() throws IOException {
        leaveUnfinished();
        Path files = partial.resolve("files");
        String made = Files.readAttributes(files, BasicFileAttributes.class).fileKey().toString();
        AtomicFiles.writeJson(partial.resolve("placing.json"), Map.of("directory", made));
        assertThat(PathExchange.exchange(files, target)).isTrue();
        assertThat(files.resolve(WEIGHTS)).hasContent("old");
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS)) {
            assertThat(output.isInPlace()).isTrue();
            output.commit();
        }
        assertThat(target.resolve(WEIGHTS)).hasContent("new");
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void aConversionThatReplacesLeavesNothingBeside() throws IOException {
        leaveUnfinished();
        ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, true, SETTINGS).commit();
        assertThat(target.resolve(WEIGHTS)).hasContent("new");
        assertThat(listing()).containsExactly("out");
    }

    @Test
    void whatCannotBeExchangedIsLeftAsItIs() throws IOException {
        assertThat(PathExchange.exchange(target, folder.resolve("nothing"))).isFalse();
        assertThat(listing()).containsExactly("out");
    }

    private void leaveUnfinished() throws IOException {
        try (var output = ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, true, false, SETTINGS)) {
            Files.writeString(output.directory().resolve(WEIGHTS), "new");
        }
    }

    private void replace(String content) throws IOException {
        try (var output = OutputDirectory.prepare(target, true)) {
            Files.writeString(output.directory().resolve(WEIGHTS), content);
            output.commit();
        }
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
