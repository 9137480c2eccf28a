package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnFilesTest {
    private static final String KILLED = "0a0a0a0a-1111-2222-3333-444444444444";

    @TempDir
    private Path folder;
    private Path target;

    @BeforeEach
    void makeOutput() throws IOException {
        target = Files.createDirectory(folder.resolve("out"));
        for (String name : List.of("config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json",
                "pytorch_model.bin", "chat_template.jinja", "report.html", "metrics.jsonl", ".config.json." + KILLED + ".tmp")) {
            Files.writeString(target.resolve(name), "old");
        }
    }

    @Test
    void aDirectoryOfNothingElseIsReplaced() throws IOException {
        replace();
        try (var files = Files.list(target)) {
            assertThat(files).containsExactly(target.resolve("config.json"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "LICENSE", ".DS_Store", ".gitattributes", "notes.txt", "photo.jpg", "model.gguf", "corpus.txt",
        "config.json~", "Config.json", "model-1-of-2.safetensors", "x.safetensors", ".config.json.tmp", ".config.json.mine.tmp",
        ".model.safetensors.old.tmp", "state.safetensors", "journal.json", "a\nb"})
    void aForeignFileIsNamedAndEverythingStays(String name) throws IOException {
        Files.writeString(target.resolve(name), "precious");
        assertKept(name.replace("\n", "\\u000a"));
        assertThat(target.resolve(name)).hasContent("precious");
    }

    @Test
    void foldersLinksAndTheLikeAreForeignWhateverTheirNames() throws IOException, InterruptedException {
        Path pipe = target.resolve("provenance.json");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        assertKept("the pipe or device provenance.json");
        Files.delete(pipe);
        Path elsewhere = Files.writeString(folder.resolve("elsewhere"), "precious");
        Path link = Files.createSymbolicLink(target.resolve("provenance.json"), elsewhere);
        assertKept("the link provenance.json");
        Files.delete(link);
        Path dangling = Files.createSymbolicLink(target.resolve("provenance.json"), folder.resolve("nothing"));
        assertKept("the link provenance.json");
        Files.delete(dangling);
        Path inner = Files.createDirectory(target.resolve("tokenizer.model"));
        assertKept("the folder tokenizer.model");
        Files.writeString(Files.createDirectory(inner.resolve("files")).resolve("config.json"), "precious");
        assertKept("the folder tokenizer.model");
        assertThat(inner.resolve("files/config.json")).hasContent("precious");
    }

    @Test
    void anAdapterBesideItsBaseIsReplacedUnlessItsFolderHoldsMore() throws IOException {
        Path adapter = Files.createDirectory(target.resolve("adapter"));
        Files.writeString(adapter.resolve("adapter_config.json"), "old");
        Files.writeString(adapter.resolve("adapter_model.safetensors"), "old");
        Path other = Files.writeString(adapter.resolve("adapter_model.bin"), "precious");
        assertKept("adapter/adapter_model.bin");
        assertThat(other).hasContent("precious");
        Files.delete(other);
        replace();
        assertThat(adapter).doesNotExist();
    }

    @Test
    void whatComesWhileTheOutputIsMadeKeepsTheDirectoryToo() throws IOException {
        try (var output = OutputDirectory.prepare(target, true)) {
            Files.writeString(output.directory().resolve("config.json"), "new");
            Files.writeString(target.resolve("notes.txt"), "precious");
            assertThatExceptionOfType(FileException.class).isThrownBy(output::commit)
                .withMessageContaining("now contains notes.txt, so it is not replaced; the finished files are in ");
        }
        assertThat(target.resolve("notes.txt")).hasContent("precious");
        assertThat(target.resolve("config.json")).hasContent("old");
    }

    @Test
    void hiddenFoldersBesideTheOutputAreClearedOnlyOfWhatAKilledRunLeft() throws IOException {
        Path leftover = Files.createDirectory(folder.resolve(".out." + KILLED + ".partial"));
        Files.writeString(leftover.resolve("config.json"), "half");
        Path diary = Files.writeString(leftover.resolve("diary.txt"), "precious");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(target, true))
            .withMessageContaining(leftover + ": holds diary.txt, which this program does not write");
        assertThat(diary).hasContent("precious");
        Files.delete(diary);
        replace();
        assertThat(leftover).doesNotExist();
    }

    @Test
    void filesThatAreBeingWrittenHaveNamesOfTheirOwnThatTellWhatTheyWillBe() {
        Path config = folder.resolve("config.json");
        Path temporary = AtomicFiles.temporary(config);
        assertThat(temporary.getParent()).isEqualTo(folder);
        assertThat(temporary).isNotEqualTo(AtomicFiles.temporary(config));
        assertThat(OwnFiles.CHECKPOINT.hasName(temporary.getFileName().toString())).isTrue();
        assertThat(OwnFiles.CHECKPOINT.hasName(AtomicFiles.temporary(folder.resolve("notes.txt")).getFileName().toString())).isFalse();
        String most = "a".repeat(150);
        assertThat(OutputPath.shortName(folder.resolve(most))).isEqualTo(most);
        assertThat(OutputPath.shortName(folder.resolve(most + "a"))).isEqualTo("a".repeat(37));
    }

    @Test
    void aLockIsAnEmptyFileAndNothingElseIsTakenForOne() throws IOException {
        Path lock = Files.writeString(folder.resolve(".out.lock"), "precious");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(target, true))
            .withMessageContaining("its lock file " + lock);
        assertThat(lock).hasContent("precious");
    }

    private void replace() throws IOException {
        try (var output = OutputDirectory.prepare(target, true)) {
            Files.writeString(output.directory().resolve("config.json"), "new");
            output.commit();
        }
    }

    private void assertKept(String named) {
        String message = target + ": holds " + named + ", which this program does not write, so the directory is not replaced; "
            + "choose another, or move that away";
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(target, true))
            .withMessage("[output] " + message);
        assertThat(target.resolve("config.json")).hasContent("old");
    }
}
