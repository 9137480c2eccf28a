package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.tokenizer.Vocabulary.ByteLevel;
import kept.tokenizer.Vocabulary.Kind;
import kept.tokenizer.Vocabulary.Splitting;
import kept.tokenizer.Vocabulary.Token;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pieces, special tokens and settings of a tokenizer, as data. */
class VocabularyTest {
    private static final String GPT2 = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}";
    private static final String LLAMA3 = """
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "%s"}, "behavior": "Isolated", "invert": false},
         {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}""";

    @TempDir
    private Path folder;

    @BeforeEach
    void theFixture() throws IOException {
        Files.write(folder.resolve("tokenizer.model"), TokenizerCase.model());
    }

    @Test
    void aModelAloneSaysItsPiecesAndSpecialTokens() throws IOException {
        Vocabulary vocabulary = Vocabulary.read(folder);
        SentencePieceModel model = SentencePieceModel.parse(TokenizerCase.model(), "tokenizer.model");
        assertThat(vocabulary.tokens()).hasSize(420);
        for (int id = 0; id < 420; id++) {
            assertThat(vocabulary.token(id)).isEqualTo(new Token(model.pieces().get(id).text(), model.pieces().get(id).score(),
                    Kind.valueOf(model.pieces().get(id).type().name())));
        }
        assertThat(vocabulary.token(3)).as("the first byte").isEqualTo(new Token("<0x00>", 0, Kind.BYTE));
        assertThat(vocabulary.token(420)).as("past the last").isEqualTo(new Token("[PAD420]", -10_000, Kind.UNUSED));
        assertThat(vocabulary.unknown()).hasValue(0);
        assertThat(vocabulary.bos()).hasValue(1);
        assertThat(vocabulary.eos()).hasValue(2);
        assertThat(vocabulary.padding()).isEmpty();
        assertThat(vocabulary.addsBos()).isEmpty();
        assertThat(vocabulary.dummyPrefix()).isTrue();
        assertThat(vocabulary.removesExtraSpaces()).isFalse();
        assertThat(vocabulary.normalizes()).isFalse();
        assertThat(vocabulary.chatTemplate()).isEmpty();
    }

    @Test
    void theConfigurationNamesMarksAndSettings() throws IOException {
        config("""
            {"bos_token": {"content": "</s>"}, "eos_token": "<s>", "pad_token": "<unk>", "add_bos_token": true, "add_eos_token": false,
             "add_prefix_space": false, "chat_template": [{"name": "other", "template": "o"}, {"name": "default", "template": "d"}]}""");
        Vocabulary vocabulary = Vocabulary.read(folder);
        assertThat(vocabulary.bos()).hasValue(2);
        assertThat(vocabulary.eos()).hasValue(1);
        assertThat(vocabulary.padding()).hasValue(0);
        assertThat(vocabulary.addsBos()).hasValue(true);
        assertThat(vocabulary.addsEos()).hasValue(false);
        assertThat(vocabulary.dummyPrefix()).isFalse();
        assertThat(vocabulary.chatTemplate()).hasValue("d");
    }

    @Test
    void aTemplateMayBeAFileOfItsOwn() throws IOException {
        Files.writeString(folder.resolve("chat_template.jinja"), "from a file");
        assertThat(Vocabulary.read(folder).chatTemplate()).hasValue("from a file");
        config("{\"chat_template\": \"from the configuration\"}");
        assertThat(Vocabulary.read(folder).chatTemplate()).as("the file wins, as in transformers").hasValue("from a file");
        Files.writeString(Files.createDirectory(folder.resolve("additional_chat_templates")).resolve("rag.jinja"), "r");
        assertThat(Vocabulary.read(folder).chatTemplate()).hasValue("from a file");
        assertThat(Vocabulary.read(folder).leftOut()).anyMatch(note -> note.endsWith("other names than default: rag"));
    }

    @Test
    void addedTokensFollowThePiecesAndSpecialTokensStaySpecial() throws IOException {
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<later>\": 422}");
        config("""
            {"pad_token": "<pad>", "added_tokens_decoder": {"0": {"content": "<unk>", "special": true}, "1": {"content": "<s>", "special": true},
             "420": {"content": "<pad>", "special": true}, "423": {"content": "a\u2581b", "special": false}}}""");
        Vocabulary vocabulary = Vocabulary.read(folder);
        assertThat(vocabulary.token(0).kind()).isEqualTo(Kind.UNKNOWN);
        assertThat(vocabulary.token(1)).isEqualTo(new Token("<s>", 0, Kind.CONTROL));
        assertThat(vocabulary.tokens().subList(420, 424)).containsExactly(new Token("<pad>", -1000, Kind.CONTROL),
                new Token("[PAD421]", -10_000, Kind.UNUSED), new Token("<later>", -1000, Kind.USER_DEFINED),
                new Token("a b", -1000, Kind.USER_DEFINED));
        assertThat(vocabulary.padding()).hasValue(420);
    }

    /** As transformers 5 saves tokens that were added: in tokenizer.json alone, and named in lists in tokenizer_config.json. */
    @Test
    void tokensThatOnlyTokenizerJsonHasAreTokens() throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), """
            {"added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 420, "content": "<|im_start|>", "special": true},
              {"id": 421, "content": "<tool\u2581x>", "special": false, "lstrip": true}, {"id": 423, "content": "<|end|>", "special": false}],
             "model": {"vocab": {"<s>": 1, "more": 424}}}""");
        config("{\"extra_special_tokens\": [\"<|end|>\"], \"eos_token\": \"<|im_start|>\","
                + " \"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}");
        Vocabulary vocabulary = Vocabulary.read(folder);
        assertThat(vocabulary.token(1).kind()).isEqualTo(Kind.CONTROL);
        assertThat(vocabulary.tokens().subList(420, 425)).containsExactly(new Token("<|im_start|>", -1000, Kind.CONTROL),
                new Token("<tool x>", -1000, Kind.USER_DEFINED), new Token("[PAD422]", -10_000, Kind.UNUSED),
                new Token("<|end|>", -1000, Kind.CONTROL), new Token("more", -1000, Kind.USER_DEFINED));
        assertThat(vocabulary.eos()).hasValue(420);
        assertThat(vocabulary.leftOut()).hasSize(3).anyMatch(what -> what.startsWith("lstrip, rstrip and single_word of 1 added token"))
                .contains("the ids that transformers gives to 3 added tokens, which differ from those of tokenizer.json "
                    + "(the first: \"<|im_start|>\" is 420 there and 2 in transformers)")
                .anyMatch(what -> what.endsWith("other names than default: rag"));
    }

    @Test
    void aByteLevelTokenizerIsTokensAndMerges() throws IOException {
        byteLevel(GPT2, "\"post_processor\": null,");
        config("{\"bos_token\": \"<s>\"}");
        Vocabulary vocabulary = Vocabulary.read(folder);
        assertThat(vocabulary.tokens()).containsExactly(new Token("a", 0, Kind.NORMAL), new Token("b", 0, Kind.NORMAL),
                new Token("ab", 0, Kind.NORMAL), new Token("[PAD3]", -10_000, Kind.UNUSED), new Token("<s>", 0, Kind.CONTROL),
                new Token("<tool>", 0, Kind.USER_DEFINED));
        assertThat(vocabulary.byteLevel()).hasValue(new ByteLevel(List.of("a b"), Splitting.GPT2));
        assertThat(vocabulary.bos()).hasValue(4);
        assertThat(vocabulary.eos()).isEmpty();
        assertThat(vocabulary.addsBos()).as("there is no template").hasValue(false);
        assertThat(vocabulary.dummyPrefix()).isFalse();
    }

    @Test
    void theTemplateOfAByteLevelTokenizerSaysWhatIsAdded() throws IOException {
        byteLevel(GPT2, """
            "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}]},""");
        assertThat(Vocabulary.read(folder).addsBos()).hasValue(true);
        assertThat(Vocabulary.read(folder).addsEos()).hasValue(false);
        config("{\"add_bos_token\": false}");
        assertThat(Vocabulary.read(folder).addsBos()).hasValue(false);
    }

    @Test
    void llama3sWayToSplitIsKnownAndOthersAreRefused() throws IOException {
        String words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*"
                + "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";
        byteLevel(LLAMA3.formatted(words), "\"post_processor\": null,");
        assertRefused("tokenizer.json splits text", "neither GPT-2's nor Llama 3's");
        Path json = folder.resolve("tokenizer.json");
        Files.writeString(json, Files.readString(json).replace("\"ignore_merges\": false", "\"ignore_merges\": true"));
        assertThat(Vocabulary.read(folder).byteLevel().orElseThrow().splitting()).isEqualTo(Splitting.LLAMA3);
        byteLevel(LLAMA3.formatted("\\\\p{L}+"), "\"post_processor\": null,");
        assertRefused("tokenizer.json splits text");
        Files.writeString(json, Files.readString(json).replace("\"byte_fallback\": false", "\"byte_fallback\": true"));
        assertRefused("tokenizer.json spells unknown characters by byte tokens", "tokenizer.model");
    }

    @Test
    void whatCannotBeReadIsRefused() throws IOException {
        config("{\"added_tokens_decoder\": {\"2000000000\": {\"content\": \"far\"}}}");
        assertRefused("tokenizer_config.json", "the token far has no sound id");
        config("{");
        assertRefused("tokenizer_config.json", "not JSON");
        Files.delete(folder.resolve("tokenizer_config.json"));
        byte[] unigram = TokenizerCase.model();
        Files.write(folder.resolve("tokenizer.model"), withAlgorithm(unigram, 1));
        assertRefused("tokenizer.model", "unigram");
        Files.delete(folder.resolve("tokenizer.model"));
        assertRefused(folder.toString(), "has neither tokenizer.model nor tokenizer.json: copy the tokenizer");
        Files.writeString(folder.resolve("tokenizer.json"), "{}");
        assertRefused("tokenizer.json is not BPE");
    }

    private void assertRefused(String... words) {
        assertThatThrownBy(() -> Vocabulary.read(folder)).isInstanceOf(TokenizerException.class).hasMessageContainingAll(words);
    }

    /** The model with other trainer settings after its own: of a field that comes twice, the last counts. */
    private static byte[] withAlgorithm(byte[] model, int algorithm) {
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(model);
        bytes.writeBytes(new byte[] {0x12, 2, 0x18, (byte) algorithm});
        return bytes.toByteArray();
    }

    private void byteLevel(String splitter, String processor) throws IOException {
        Files.deleteIfExists(folder.resolve("tokenizer.model"));
        Files.writeString(folder.resolve("tokenizer.json"), """
            {"added_tokens": [{"id": 4, "content": "<s>", "special": true}, {"id": 5, "content": "<tool>", "special": false}], "normalizer": null,
             "pre_tokenizer": %s, %s "model": {"type": "BPE", "byte_fallback": false, "ignore_merges": false, "vocab": {"a": 0, "b": 1, "ab": 2},
              "merges": [["a", "b"]]}}""".formatted(splitter, processor));
    }

    private void config(String json) throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), json, StandardCharsets.UTF_8);
    }
}
