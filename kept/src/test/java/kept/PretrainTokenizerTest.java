package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import kept.model.DecoderConfig;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** pretrain gives its output all files of the tokenizer, as convert gives them to a Llama. */
class PretrainTokenizerTest {
    private static final List<String> PRESENT = List.of("tokenizer.json", "vocab.json", "merges.txt", "chat_template.jinja");

    @TempDir
    private Path directory;

    private Path tokenizer;

    @BeforeEach
    void aTokenizerWithAllItsFiles() throws IOException {
        tokenizer = Files.createDirectory(directory.resolve("tokenizer"));
        for (String name : List.of("tokenizer.json", "vocab.json", "merges.txt", "special_tokens_map.json")) {
            Files.copy(FamilyCheckpoint.resource("tokenizer-digits/" + name), tokenizer.resolve(name));
        }
        Files.writeString(tokenizer.resolve("chat_template.jinja"), "{{ eos_token }}");
    }

    @Test
    void whatIsTrainedHasTheFilesAndTheIdsOfSpecialTokens() throws IOException {
        Path text = Files.writeString(directory.resolve("text.txt"), "The quick brown fox jumps over the lazy dog.\n".repeat(400));
        pretrain("--corpus", text, "--tokens", 1000, "--positions", 16, "--sequence-length", 16, "--batch-size", 1);
    }

    @Test
    void randomWeightsHaveThemToo() throws IOException {
        pretrain("--random", "--positions", 16);
    }

    private void pretrain(Object... options) throws IOException {
        Path output = directory.resolve("output");
        List<Object> command = new ArrayList<>(List.of("pretrain", "--architecture", "starcoder2", "--tokenizer", tokenizer, "--output", output,
                "--hidden-size", 16, "--layers", 1, "--heads", 2, "--intermediate-size", 16));
        command.addAll(List.of(options));
        ProgramRun run = ProgramRun.of(command.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        for (String name : PRESENT) {
            assertThat(output.resolve(name)).hasSameBinaryContentAs(tokenizer.resolve(name));
        }
        try (Stream<Path> files = Files.list(output)) {
            assertThat(files.map(file -> file.getFileName().toString())).contains("tokenizer_config.json", "special_tokens_map.json");
        }
        assertThat(Files.readString(output.resolve("tokenizer_config.json"))).contains("\"eos_token\" : \"<|endoftext|>\"",
                "\"chat_template\" : \"{{ eos_token }}\"", "\"model_max_length\" : 16");
        assertThat(DecoderConfig.read(output).eosTokenIds()).containsExactly(0);
    }
}
