package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pipes and devices in place of files are refused before they are waited for, and links do not lead out of a checkpoint. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IrregularInputTest {
    @TempDir
    private Path directory;
    private Path source;
    private Path output;
    private Path text;

    @BeforeEach
    void prepare() throws IOException {
        source = TinyTeacher.write(Files.createDirectory(directory.resolve("source")));
        output = directory.resolve("output");
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
        "vocab.json", "merges.txt"})
    void filesOfACheckpoint(String name) throws IOException, InterruptedException {
        if (name.equals("model.safetensors.index.json") || name.equals("pytorch_model.bin")) {
            Files.delete(source.resolve("model.safetensors"));
        }
        Path file = source.resolve(name);
        Files.deleteIfExists(file);
        pipe(file);
        refused(ProgramRun.of("convert", "--model", source, "--output", output), file + ": is a pipe (FIFO)");
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
        refused(ProgramRun.of("convert", "--model", source, "--output", output), file + ": is a link to /dev/zero, outside its directory");
        Files.delete(file);
        Files.createSymbolicLink(file, text);
        refused(ProgramRun.of("convert", "--model", source, "--output", output), file + ": is a link to " + text.toRealPath());
        assertThat(output).doesNotExist();
    }

    @Test
    void filesThatUsersName() throws IOException, InterruptedException {
        Path pipe = pipe(directory.resolve("pipe.txt"));
        refused(ProgramRun.of("distill", "--teacher", source, "--corpus", pipe, "--output", output), pipe + " is a pipe (FIFO)");
        // As the shell names its pipes.
        Path nameless = pipe(directory.resolve("63"));
        refused(ProgramRun.of("distill", "--teacher", source, "--corpus", nameless, "--output", output), nameless + " is a pipe (FIFO)");
        refused(ProgramRun.of("distill", "--teacher", source, "--corpus", text, "--held-out", "a=" + pipe, "--output", output),
                pipe + " is a pipe (FIFO)");
        refused(ProgramRun.of("generate", "--model", source, "--prompt-file", pipe), pipe + " is a pipe (FIFO)");
        refused(ProgramRun.of("generate", "--model", source, "--chat", "--chat-template", pipe), pipe + " is a pipe (FIFO)");
        refused(ProgramRun.of("evaluate", source, "--tasks", pipe), pipe + " is a pipe (FIFO)");
        refused(ProgramRun.of("logits", "--model", source, "--ids", pipe, "--output", directory.resolve("l")), pipe + ": is a pipe (FIFO)");
        refused(ProgramRun.of("pretrain", "--random", "--config", pipe, "--output", output), pipe + ": is a pipe (FIFO)");
    }

    private static Path pipe(Path file) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
        return file;
    }

    private static void refused(ProgramRun run, String words) {
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [").contains(words);
    }
}
