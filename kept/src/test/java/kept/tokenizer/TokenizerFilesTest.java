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
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerFilesTest {
    @TempDir
    private Path source;

    @TempDir
    private Path target;

    @BeforeEach
    void copyModel() throws IOException {
        Files.write(source.resolve("tokenizer.model"), TokenizerCase.model());
    }

    static List<TokenizerCase> cases() throws IOException {
        return TokenizerCase.all();
    }

    /**
     * Hugging Face's library on the file built here, against the golden ids of SentencePiece. Its Java binding always reads special tokens as such.
     */
    @ParameterizedTest
    @MethodSource("cases")
    void theBuiltTokenizerJsonGivesSentencePiecesIds(TokenizerCase golden) throws IOException {
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        Files.delete(target.resolve("tokenizer.model"));
        try (var tokenizer = Tokenizer.load(target)) {
            if (golden.text().startsWith("<s>")) {
                assertThat(tokenizer.encode(golden.text())).startsWith(1).endsWith(2);
            } else {
                assertThat(tokenizer.encode(golden.text())).containsExactly(golden.ids());
                assertThat(tokenizer.decode(golden.ids())).isEqualTo(golden.decoded());
            }
        }
    }

    @Test
    void theBuiltTokenizerJsonAgreesOnTextMadeAtRandom() throws IOException {
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        Files.delete(target.resolve("tokenizer.model"));
        var random = new Random(11);
        String letters = "  aabcdefghilnorst\n\t.,(){}=+é☃\uD83D\uDE80猎";
        int[] characters = letters.codePoints().toArray();
        try (var json = Tokenizer.load(target); var model = Tokenizer.load(source)) {
            for (int round = 0; round < 300; round++) {
                int[] points = random.ints(random.nextInt(60), 0, characters.length).map(i -> characters[i]).toArray();
                String text = new String(points, 0, points.length);
                assertThat(json.encode(text)).as(text).containsExactly(model.encode(text));
            }
        }
    }

    @Test
    void specialTokensVocabularyAndDescriptionAreReadFromTheJsonFiles() throws IOException {
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        Files.delete(target.resolve("tokenizer.model"));
        try (var tokenizer = Tokenizer.load(target)) {
            assertThat(tokenizer.bos()).hasValue(1);
            assertThat(tokenizer.eos()).hasValue(2);
            assertThat(tokenizer.vocabularySize()).isEqualTo(420);
            assertThat(tokenizer.description()).contains("tokenizer.json").contains("Hugging Face").contains("420");
            assertThat(tokenizer.decode(420, 500)).as("beyond the vocabulary").isEmpty();
            assertThatThrownBy(() -> tokenizer.decode(-1)).isInstanceOf(TokenizerException.class).hasMessageContaining("-1");
        }
    }

    @Test
    void textsLongerThanTheLibrarysDefaultAreNotCut() throws IOException {
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        Files.delete(target.resolve("tokenizer.model"));
        String text = "The quick brown fox. ".repeat(1000);
        try (var json = Tokenizer.load(target); var model = Tokenizer.load(source)) {
            assertThat(json.encode(text)).hasSizeGreaterThan(5000).containsExactly(model.encode(text));
        }
    }

    @Test
    void orionsConfigurationBecomesOneWithoutCodeOfItsOwn() throws IOException {
        Files.writeString(source.resolve("tokenizer_config.json"), """
                {"auto_map": {"AutoTokenizer": ["tokenization_orion.OrionTokenizer", null]}, "tokenizer_class": "OrionTokenizer",
                 "add_bos_token": false, "add_eos_token": false, "model_max_length": 9,
                 "bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": "</s>", "pad_token": "<unk>", "unk_token": "<unk>"}
                """);
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        JsonNode config = json("tokenizer_config.json");
        assertThat(config.has("auto_map")).isFalse();
        assertThat(config.path("tokenizer_class").asText()).isEqualTo("PreTrainedTokenizerFast");
        assertThat(config.path("model_max_length").asInt()).isEqualTo(4096);
        assertThat(config.path("split_special_tokens").asBoolean()).isTrue();
        assertThat(json("special_tokens_map.json").toString())
                .isEqualTo("{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"unk_token\":\"<unk>\",\"pad_token\":\"<unk>\"}");
        assertThat(json("tokenizer.json").path("post_processor").isNull()).isTrue();
        assertThat(target.resolve("tokenizer.model")).hasBinaryContent(TokenizerCase.model());
    }

    @Test
    void aChatTemplateIsKeptAndItsSpecialTokensAreReadAsSuch() throws IOException {
        Files.writeString(source.resolve("tokenizer_config.json"), "{\"chat_template\": \"{{ bos_token }}Human: \"}");
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        JsonNode config = json("tokenizer_config.json");
        assertThat(config.path("chat_template").asText()).isEqualTo("{{ bos_token }}Human: ");
        assertThat(config.has("split_special_tokens")).isFalse();
    }

    @Test
    void aTemplateInAFileIsInTheConfigurationTooForOlderReaders() throws IOException {
        Files.writeString(source.resolve("tokenizer_config.json"), "{\"chat_template\": \"an older one\"}");
        Files.writeString(source.resolve("chat_template.jinja"), "{{ bos_token }}\n");
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        assertThat(target.resolve("chat_template.jinja")).hasContent("{{ bos_token }}\n");
        assertThat(json("tokenizer_config.json").path("chat_template").asText()).isEqualTo("{{ bos_token }}\n");
    }

    @Test
    void templatesWithNamesAreCopiedUnlessOneIsAskedFor() throws IOException {
        Files.writeString(source.resolve("chat_template.jinja"), "{{ bos_token }}");
        Path folder = Files.createDirectory(source.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "tools");
        Files.writeString(folder.resolve("rag.jinja"), "rag");
        Files.writeString(folder.resolve("notes.txt"), "no template");
        assertThat(TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).isEmpty();
        assertThat(target.resolve("additional_chat_templates/tool_use.jinja")).hasContent("tools");
        assertThat(target.resolve("additional_chat_templates/rag.jinja")).hasContent("rag");
        assertThat(target.resolve("additional_chat_templates/notes.txt")).doesNotExist();
        Path other = Files.createDirectory(target.resolve("other"));
        assertThat(TokenizerFiles.write(source, other, 4096, new TokenizerFiles.Options(Optional.of("{{ eos_token }}"), false)))
                .singleElement().asString().endsWith("left out are those of other names: rag, tool_use");
        assertThat(other.resolve("additional_chat_templates")).doesNotExist();
    }

    @Test
    void aTemplateAskedForTakesThePlaceOfTheSources() throws IOException {
        Files.writeString(source.resolve("chat_template.jinja"), "{{ bos_token }}");
        TokenizerFiles.write(source, target, 4096, new TokenizerFiles.Options(Optional.of("{{ eos_token }}"), false));
        assertThat(target.resolve("chat_template.jinja")).doesNotExist();
        JsonNode config = json("tokenizer_config.json");
        assertThat(config.path("chat_template").asText()).isEqualTo("{{ eos_token }}");
        assertThat(config.has("split_special_tokens")).isFalse();
    }

    @Test
    void theClassLlamaTokenizerIsNamedOnRequest() throws IOException {
        TokenizerFiles.write(source, target, 4096, new TokenizerFiles.Options(Optional.empty(), true));
        JsonNode config = json("tokenizer_config.json");
        assertThat(config.path("tokenizer_class").asText()).isEqualTo("LlamaTokenizer");
        assertThat(config.path("legacy").asBoolean()).isTrue();
        assertThat(config.path("add_bos_token").isBoolean()).isTrue();
        assertThat(config.path("add_bos_token").asBoolean()).isFalse();
        assertThat(config.path("pad_token").asText()).isEqualTo("<unk>");
    }

    @Test
    void specialTokensAddedBySourceSettingsAreInTheTemplate() throws IOException {
        Files.writeString(source.resolve("tokenizer_config.json"), "{\"add_bos_token\": true, \"add_eos_token\": true}");
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        assertThat(json("tokenizer.json").path("post_processor").path("single").toString()).isEqualTo(
                "[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
                        + "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}]");
    }

    @Test
    void aTokenizerJsonOfTheSourceIsCopiedAsItIs() throws IOException {
        Files.writeString(source.resolve("tokenizer.json"), "{\"model\": {\"vocab\": {\"a\": 0}}}");
        Files.writeString(source.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"LlamaTokenizer\"}");
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        assertThat(target.resolve("tokenizer.json")).hasContent("{\"model\": {\"vocab\": {\"a\": 0}}}");
        assertThat(json("tokenizer_config.json").path("tokenizer_class").asText()).isEqualTo("LlamaTokenizer");
    }

    @Test
    void aSourceWithoutATokenizerIsNamed() throws IOException {
        Files.delete(source.resolve("tokenizer.model"));
        assertThatThrownBy(() -> TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).isInstanceOf(TokenizerException.class)
                .hasMessageContaining(source.toString());
    }

    @Test
    void aBrokenTokenizerJsonIsNamed() throws IOException {
        Files.delete(source.resolve("tokenizer.model"));
        Path file = source.resolve("tokenizer.json");
        for (String content : List.of("{\"model\": ", "{}", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"x y\"]}}")) {
            Files.writeString(file, content);
            assertThatThrownBy(() -> Tokenizer.load(source)).as(content).isInstanceOf(TokenizerException.class).hasMessageContaining(file.toString());
        }
    }

    private JsonNode json(String name) throws IOException {
        return new ObjectMapper().readTree(target.resolve(name).toFile());
    }

    /** As transformers itself reads them where there is no tokenizer.json. */
    @Test
    void tokensOfOlderReleasesAreCarriedOverAndFoundInPrompts() throws IOException {
        Files.writeString(source.resolve("added_tokens.json"), "{\"<|im_start|>\": 420, \"<|im_end|>\": 421, \"note\": 422}");
        Files.writeString(source.resolve("tokenizer_config.json"), """
            {"additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "added_tokens_decoder": {"421": {"content": "<|im_end|>", "rstrip": true}}}
            """);
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        JsonNode decoder = new ObjectMapper().readTree(target.resolve("tokenizer_config.json").toFile()).path("added_tokens_decoder");
        assertThat(decoder.path("420").toString()).isEqualTo(
            "{\"content\":\"<|im_start|>\",\"lstrip\":false,\"normalized\":false,\"rstrip\":false,\"single_word\":false,\"special\":true}");
        assertThat(decoder.path("421").path("rstrip").asBoolean()).as("what is there stays").isTrue();
        assertThat(decoder.path("422").path("special").asBoolean(true)).isFalse();
        assertThat(decoder.path("422").path("normalized").asBoolean(true)).as("what follows is a text of its own").isFalse();
        assertThat(decoder.size()).isEqualTo(3);
        for (Path directory : List.of(source, target)) {
            try (var tokenizer = Tokenizer.load(directory)) {
                assertThat(tokenizer.encodeWithSpecialTokens("<|im_start|><s>note<|im_end|>")).containsExactly(420, 1, 422, 421);
                assertThat(tokenizer.encode("<|im_start|>")).as("text holds no special tokens").doesNotContain(420);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"[1]", "{\"a\": \"b\"}", "{\"a\": -1}", "{\"a\": 1.5}", "{\"a\": 99999999999}", "{\"a\": null}"})
    void addedTokensWithoutSoundIdsAreRefused(String content) throws IOException {
        Files.writeString(source.resolve("added_tokens.json"), content);
        assertThatThrownBy(() -> TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).isInstanceOf(TokenizerException.class)
            .hasMessageContaining("added_tokens.json");
        assertThatThrownBy(() -> Tokenizer.load(source).close()).isInstanceOf(TokenizerException.class).hasMessageContaining("added_tokens.json");
    }

    /** transformers 5 saves added tokens in tokenizer.json alone. */
    @Test
    void tokensThatOnlyTokenizerJsonHasAreFoundInPrompts() throws IOException {
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        var json = (com.fasterxml.jackson.databind.node.ObjectNode) new ObjectMapper().readTree(target.resolve("tokenizer.json").toFile());
        json.withArray("added_tokens").addObject().put("id", 420).put("content", "<|im_start|>").put("special", true);
        new ObjectMapper().writeValue(target.resolve("tokenizer.json").toFile(), json);
        try (var tokenizer = Tokenizer.load(target)) {
            assertThat(tokenizer.encodeWithSpecialTokens("<|im_start|></s>")).containsExactly(420, 2);
        }
    }

    /** The library finds pieces of such a model, made by sentencepiece 0.2.2, that it then cannot put together. */
    @Test
    void whatTheLibraryCannotEncodeIsATypedError() throws IOException {
        try (var model = TokenizerFilesTest.class.getResourceAsStream("/kept/tokenizer/word-no-prefix.model")) {
            Files.write(source.resolve("tokenizer.model"), model.readAllBytes());
        }
        try (var tokenizer = Tokenizer.load(source)) {
            assertThatThrownBy(() -> tokenizer.encode("<s>")).isInstanceOf(TokenizerException.class)
                .hasMessageContaining("cannot encode the text '<s>'");
        }
    }
}
