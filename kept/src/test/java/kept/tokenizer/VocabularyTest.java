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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pieces, special tokens and settings of a tokenizer, as data. */
class VocabularyTest {
    private static final String GPT2 = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}";
    private static final String SEQUENCE = "{\"type\": \"Sequence\", \"pretokenizers\": [%s]}";
    private static final String SPLIT = SEQUENCE.formatted(
            "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, \"behavior\": \"%s\", \"invert\": %s},"
            + "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}");
    /** With line breaks, digits, line breaks and line breaks, in the escapes of JSON. */
    private static final String WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^%s\\\\p{L}\\\\p{N}]?\\\\p{L}+|%s| ?[^\\\\s\\\\p{L}\\\\p{N}]+[%s]*|\\\\s*[%s]+"
            + "|\\\\s+(?!\\\\S)|\\\\s+";
    private static final String NO_PROCESSOR = "\"post_processor\": null,";

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
        byteLevel(GPT2, NO_PROCESSOR);
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
        assertThat(Vocabulary.read(folder).bos()).as("the token that is added").hasValue(4);
        config("{\"add_bos_token\": false}");
        assertThat(Vocabulary.read(folder).addsBos()).as("transformers does not look at it").hasValue(true);
        config("{\"bos_token\": \"<tool>\"}");
        Vocabulary other = Vocabulary.read(folder);
        assertThat(other.addsBos()).as("another token than bos is added").hasValue(false);
        assertThat(other.leftOut()).contains("the special tokens before each text: <s>");
    }

    @ParameterizedTest
    @CsvSource({"'\\p{N}{1,3}', Isolated, false, false, GPT4", "'\\p{N}{1,3}', Removed, true, false, GPT4",
        "'\\p{N}{1,3}', Isolated, false, true, LLAMA3", "'\\p{N}', Isolated, false, false, STABLELM2", "'\\p{N}', Removed, true, false, STABLELM2"})
    void patternsOfTheKindOfGpt4AreKnown(String digits, String behavior, boolean inverted, boolean wholeWords, Splitting splitting)
            throws IOException {
        for (String lineBreaks : new String[] {"\\\\r\\\\n", "\\r\\n"}) {
            String words = WORDS.formatted(lineBreaks, digits.replace("\\", "\\\\"), lineBreaks, lineBreaks);
            byteLevel(SPLIT.formatted(words, behavior, inverted), NO_PROCESSOR);
            replace("\"ignore_merges\": false", "\"ignore_merges\": " + wholeWords);
            assertThat(Vocabulary.read(folder).byteLevel().orElseThrow().splitting()).as(lineBreaks).isEqualTo(splitting);
        }
    }

    @Test
    void digitsBeforeGpt2sPatternAndSequencesOfOneStepAreKnown() throws IOException {
        String digits = "{\"type\": \"Digits\", \"individual_digits\": true}";
        byteLevel(SEQUENCE.formatted(digits + "," + GPT2), NO_PROCESSOR);
        assertThat(Vocabulary.read(folder).byteLevel().orElseThrow().splitting()).isEqualTo(Splitting.DIGITS);
        byteLevel(SEQUENCE.formatted(SEQUENCE.formatted(GPT2)), NO_PROCESSOR);
        assertThat(Vocabulary.read(folder).byteLevel().orElseThrow().splitting()).isEqualTo(Splitting.GPT2);
        byteLevel(SEQUENCE.formatted(digits.replace("true", "false") + "," + GPT2), NO_PROCESSOR);
        assertRefused("tokenizer.json splits text into words in a way that is neither");
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', textBlock = """
            `\\\\p{L}+`, Isolated, false, false
            `%s`, Removed, false, false
            `%s`, Isolated, true, false
            `%s`, MergedWithNext, false, false
            `%s`, Isolated, false, true
            """)
    void otherWaysToSplitAreRefused(String pattern, String behavior, boolean inverted, boolean wholeWords) throws IOException {
        String words = WORDS.formatted("\\\\r\\\\n", "\\\\p{N}", "\\\\r\\\\n", "\\\\r\\\\n");
        byteLevel(SPLIT.formatted(pattern.equals("%s") ? words : pattern, behavior, inverted), NO_PROCESSOR);
        replace("\"ignore_merges\": false", "\"ignore_merges\": " + wholeWords);
        assertRefused("tokenizer.json splits text into words in a way that is neither", "Llama 3", "StableLM 2");
    }

    /** llama.cpp merges all words under these names. */
    @Test
    void wholeWordsAreKnownWithLlama3sPatternOnly() throws IOException {
        byteLevel(GPT2, NO_PROCESSOR);
        replace("\"ignore_merges\": false", "\"ignore_merges\": true");
        assertRefused("tokenizer.json splits text into words in a way that is neither", "ignore_merges");
        replace("\"byte_fallback\": false", "\"byte_fallback\": true");
        assertRefused("tokenizer.json spells unknown characters by byte tokens", "tokenizer.model");
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', textBlock = """
            null, false
            `{"type": "NFC"}`, true
            `{"type": "Sequence", "normalizers": []}`, false
            `{"type": "Sequence", "normalizers": [{"type": "NFC"}]}`, true
            """)
    void composedTextIsTold(String normalizer, boolean composes) throws IOException {
        byteLevel(GPT2, NO_PROCESSOR);
        replace("\"normalizer\": null", "\"normalizer\": " + normalizer);
        assertThat(Vocabulary.read(folder).normalizes()).isEqualTo(composes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"type\": \"NFKC\"}", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Lowercase\"}]}"})
    void otherNormalizersAreRefused(String normalizer) throws IOException {
        byteLevel(GPT2, NO_PROCESSOR);
        replace("\"normalizer\": null", "\"normalizer\": " + normalizer);
        assertRefused("tokenizer.json rewrites text", "NFC");
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

    private void replace(String old, String other) throws IOException {
        Path json = folder.resolve("tokenizer.json");
        Files.writeString(json, Files.readString(json).replace(old, other));
    }

    private void config(String json) throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), json, StandardCharsets.UTF_8);
    }
}
