package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.FamilyCheckpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The special tokens of byte-level tokenizers, by the files beside tokenizer.json, as transformers has them ({@code make_special_tokens.py}). */
class SpecialTokensTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path source;

    @TempDir
    private Path target;

    @BeforeEach
    void aTokenizer() throws IOException {
        Files.copy(FamilyCheckpoint.resource("tokenizer-nfc/tokenizer.json"), source.resolve("tokenizer.json"));
    }

    static List<JsonNode> cases() throws IOException {
        return JSON.readTree(FamilyCheckpoint.resource("special-tokens.json").toFile()).valueStream().toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void namesAndAddedTokensAreThoseOfTransformers(JsonNode golden) throws IOException {
        write(golden);
        Map<String, String> expected = new HashMap<>();
        golden.path("tokens").properties().forEach(token -> expected.put(token.getKey(), token.getValue().asText()));
        int[] ids = golden.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
        TokenizerFiles.write(source, target, 64, TokenizerFiles.Options.NONE);
        Files.deleteIfExists(target.resolve("config.json"));
        for (Path directory : List.of(source, target)) {
            try (Tokenizer tokenizer = Tokenizer.load(directory)) {
                assertThat(tokenizer.specialTokens()).isEqualTo(expected);
                int[] plain = tokenizer.encode("The quick brown fox");
                Vocabulary vocabulary = Vocabulary.read(directory);
                assertThat(tokenizer.addsBos()).isEqualTo(vocabulary.addsBos().orElseThrow());
                if (vocabulary.leftOut().isEmpty()) {
                    assertThat(tokenizer.encode("The quick brown fox", tokenizer.addsBos(), false)).containsExactly(ids);
                } else {
                    assertThat(plain).as("another token than bos begins it").containsExactly(Arrays.copyOfRange(ids, 1, ids.length));
                }
            }
        }
    }

    @Test
    void theModelsIdsCountWhereNoFileNamesTheToken() throws IOException {
        assertIds(Optional.empty(), Optional.empty());
        Files.writeString(source.resolve("generation_config.json"), "{\"bos_token_id\": 4, \"eos_token_id\": [5, 6]}");
        assertIds(Optional.of(4), Optional.of(5));
        Files.writeString(source.resolve("config.json"), "{\"model_type\": \"stablelm\", \"bos_token_id\": null, \"eos_token_id\": 3}");
        assertIds(Optional.of(4), Optional.of(3));
        Files.writeString(source.resolve("special_tokens_map.json"), "{\"eos_token\": \"<fim_prefix>\"}");
        assertIds(Optional.of(4), Optional.of(1));
        Files.writeString(source.resolve("config.json"), "{\"bos_token_id\": 925, \"eos_token_id\": -1}");
        assertIds(Optional.empty(), Optional.of(1));
    }

    /** transformers makes a new token of it, for which a model has no embedding. */
    @Test
    void aTokenOfTheClassThatTheVocabularyLacksIsLeftOut() throws IOException {
        Files.delete(source.resolve("tokenizer.json"));
        Files.copy(FamilyCheckpoint.resource("tokenizer/tokenizer.json"), source.resolve("tokenizer.json"));
        Files.writeString(source.resolve("config.json"), "{\"model_type\": \"olmo\"}");
        try (Tokenizer tokenizer = Tokenizer.load(source)) {
            assertThat(tokenizer.specialTokens()).containsOnlyKeys("bos_token", "eos_token", "unk_token").containsEntry("eos_token", "<|endoftext|>");
        }
    }

    private void write(JsonNode golden) throws IOException {
        for (Map.Entry<String, JsonNode> file : golden.path("files").properties()) {
            Files.writeString(source.resolve(file.getKey()), file.getValue().toString());
        }
        var tokenizer = (ObjectNode) JSON.readTree(source.resolve("tokenizer.json").toFile());
        tokenizer.set("post_processor", golden.get("post_processor"));
        JSON.writeValue(source.resolve("tokenizer.json").toFile(), tokenizer);
    }

    private void assertIds(Optional<Integer> bos, Optional<Integer> eos) {
        try (Tokenizer tokenizer = Tokenizer.load(source)) {
            assertThat(tokenizer.bos().stream().boxed().findFirst()).isEqualTo(bos);
            assertThat(tokenizer.eos().stream().boxed().findFirst()).isEqualTo(eos);
        }
    }
}
