package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import kept.FamilyCheckpoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The byte-level BPE tokenizers of OLMo, StarCoder2 and StableLM pass through into a Llama's directory. */
class ByteLevelFilesTest {
    @TempDir
    private Path target;

    @ParameterizedTest
    @CsvSource({"tokenizer, 317", "tokenizer-digits, 317", "tokenizer-nfc, 925", "tokenizer-stablelm2, 901"})
    void filesAreCopiedAsTheyAreAndGiveTheLibrarysIds(String name, int size) throws IOException {
        Path source = FamilyCheckpoint.resource(name);
        assertThat(TokenizerFiles.write(source, target, 64, TokenizerFiles.Options.NONE)).isEmpty();
        assertThat(target.resolve("tokenizer.json")).hasSameBinaryContentAs(source.resolve("tokenizer.json"));
        for (String file : List.of("vocab.json", "merges.txt")) {
            if (size == 317) {
                assertThat(target.resolve(file)).hasSameBinaryContentAs(source.resolve(file));
            } else {
                assertThat(target.resolve(file)).doesNotExist();
            }
        }
        JsonNode config = new ObjectMapper().readTree(target.resolve("tokenizer_config.json").toFile());
        assertThat(config.path("tokenizer_class").asText()).as("the one that takes all of tokenizer.json").isEqualTo("PreTrainedTokenizerFast");
        assertThat(config.path("model_max_length").asInt()).isEqualTo(64);
        try (Tokenizer tokenizer = Tokenizer.load(target)) {
            assertThat(tokenizer.vocabularySize()).isEqualTo(size);
            assertThat(tokenizer.bos()).hasValue(0);
            assertThat(tokenizer.eos()).hasValue(0);
            for (JsonNode golden : new ObjectMapper().readTree(source.resolve("cases.json").toFile())) {
                String text = golden.get("text").asText();
                int[] ids = IntStream.range(0, golden.get("ids").size()).map(i -> golden.get("ids").get(i).asInt()).toArray();
                assertThat(tokenizer.encode(text)).as(text).containsExactly(ids);
                assertThat(tokenizer.decode(ids)).as(text).isEqualTo(golden.get("decoded").asText());
            }
        }
    }

    /** Digits, contractions, line breaks, decomposed characters, emoji, other scripts, code, runs of spaces, and characters at random. */
    @ParameterizedTest
    @ValueSource(strings = {"tokenizer-nfc", "tokenizer-stablelm2"})
    void manyTextsHaveTheLibrarysIds(String name) throws IOException {
        JsonNode texts = new ObjectMapper().readTree(FamilyCheckpoint.resource("texts.json").toFile());
        JsonNode golden = new ObjectMapper().readTree(FamilyCheckpoint.resource(name + "/ids.json").toFile());
        assertThat(golden).hasSameSizeAs(texts).hasSizeGreaterThan(200);
        try (Tokenizer tokenizer = Tokenizer.load(FamilyCheckpoint.resource(name))) {
            for (int i = 0; i < texts.size(); i++) {
                assertThat(tokenizer.encode(texts.get(i).asText())).as(texts.get(i).toString())
                        .containsExactly(golden.get(i).valueStream().mapToInt(JsonNode::asInt).toArray());
            }
        }
    }

    /** Its ids are others, as transformers 5 makes a tokenizer of its own from the vocabulary. */
    @ParameterizedTest
    @ValueSource(strings = {"tokenizer", "tokenizer-digits"})
    void theClassLlamaTokenizerIsRefused(String name) {
        Path source = FamilyCheckpoint.resource(name);
        var options = new TokenizerFiles.Options(Optional.empty(), true);
        assertThatThrownBy(() -> TokenizerFiles.write(source, target, 64, options)).isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("tokenizer.json", "leave out --llama-tokenizer");
    }

    @Test
    void vocabularyAndMergesAloneAreNoTokenizerAndTheRemedyIsNamed() throws IOException {
        Path source = Files.createDirectory(target.resolve("source"));
        for (String file : List.of("vocab.json", "merges.txt")) {
            Files.copy(FamilyCheckpoint.resource("tokenizer/" + file), source.resolve(file));
        }
        assertThat(TokenizerFiles.isPresent(source)).isFalse();
        assertThatThrownBy(() -> Tokenizer.load(source)).isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll(source.toString(), "vocab.json and merges.txt do not say", "save_pretrained");
        assertThatThrownBy(() -> TokenizerFiles.write(source, target, 64, TokenizerFiles.Options.NONE)).isInstanceOf(TokenizerException.class)
                .hasMessageContaining("save_pretrained");
    }
}
