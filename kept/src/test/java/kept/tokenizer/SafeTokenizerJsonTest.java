package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafeTokenizerJsonTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder;

    /** Byte-level BPE split as GPT-2, Llama 3, GPT-4o and DeepSeek do it, WordPiece, unigram and whole words; ids of Python's tokenizers. */
    @Test
    void publishedKindsGiveTheIdsOfTheLibrary() throws IOException {
        JsonNode tokenizers = resource("tokenizers.json");
        JsonNode cases = resource("tokenizers-cases.json");
        assertThat(tokenizers).hasSize(7);
        for (int kind = 0; kind < tokenizers.size(); kind++) {
            try (Tokenizer tokenizer = load(tokenizers.get(kind).toString())) {
                for (JsonNode golden : cases.get(kind)) {
                    int[] ids = JSON.convertValue(golden.path("ids"), int[].class);
                    assertThat(tokenizer.encode(golden.path("text").asText())).as("%d: %s", kind, golden).containsExactly(ids);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '~', value = {
        "normalizer; {'type':'Precompiled','precompiled_charsmap':'AAAA'}; its table has",
        "normalizer; {'type':'Precompiled','precompiled_charsmap':'?'}; no base64",
        "normalizer; {'type':'Precompiled'}; has no rules",
        "normalizer; {'type':'Nothing'}; unknown type 'Nothing'",
        "normalizer; {'pattern':{'String':'a'},'content':'b'}; unknown type ''",
        "normalizer; {'type':'Replace','pattern':{'String':''},'content':'b'}; pattern",
        "normalizer; {'type':'Replace','pattern':{'Regex':'(.*)*x$'},'content':'b'}; pattern that may take for ever, or is not known: (.*)*x$",
        "normalizer; {'type':'Replace','pattern':'a','content':'b'}; pattern",
        "normalizer; {'type':'Replace','pattern':{'String':'a','Regex':'b'},'content':'b'}; pattern",
        "normalizer; {'type':'Replace','pattern':{'String':'a'},'content':7}; 'content'",
        "pre_tokenizer; {'type':'Split','pattern':{'Regex':'(a+)+$'},'behavior':'Isolated'}; pattern",
        "pre_tokenizer; {'type':'FixedLength','length':0}; unknown type 'FixedLength'",
        "decoder; {'type':'Strip','content':' ','start':1,'stop':1}; at the end",
        "decoder; {'type':'Strip','content':' ','start':99999999999,'stop':0}; strips more",
        "decoder; {'type':'Strip','content':' ','start':-1,'stop':0}; strips more",
        "decoder; {'type':'CTC'}; unknown type 'CTC'",
        "added_tokens; [{'id':1,'content':''}]; without a text",
        "added_tokens; [{'id':1,'content':'x'},{'id':2,'content':'x'}]; x twice",
        "added_tokens; [{'id':-1,'content':'x'}]; id is -1",
        "added_tokens; [{'id':4294967296,'content':'x'}]; id is 4294967296",
        "added_tokens; [{'id':1.5,'content':'x'}]; id is 1.5",
        "model; {'type':'BPE','vocab':{'a':0,'b':0},'merges':[]}; id 0 twice",
        "model; {'type':'BPE','vocab':{'a':0},'merges':[],'dropout':0.5}; at random",
        "model; {'type':'BPE','vocab':{'a':0,'b':1},'merges':['a b'],'continuing_subword_prefix':'####'}; parts of words",
        "model; {'type':'Unigram','vocab':[['',0]],'unk_id':0}; empty",
        "model; {'type':'Unigram','vocab':[['a',0],['a',0]],'unk_id':0}; twice",
        "model; {'type':'Unigram','vocab':[['a']],'unk_id':0}; without a score",
        "model; {'type':'WordPiece','vocab':{'a':0},'unk_token':'a','max_input_chars_per_word':257}; words of more",
        "model; {'type':'Neural','vocab':{'a':0}}; unknown type 'Neural'"})
    void whatIsNotKnownOrNotBoundedIsRefused(String part, String value, String problem) throws IOException {
        ObjectNode json = sound();
        json.set(part, JSON.readTree(value.replace('\'', '"')));
        assertRefused(json.toString(), problem);
    }

    @Test
    void chainsThatGrowOrAreLongOrDeepAreRefused() throws IOException {
        ObjectNode json = sound();
        var steps = json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        for (int i = 0; i < 10; i++) {
            steps.addObject().put("type", "Replace").put("content", "aa").putObject("pattern").put("String", "a");
        }
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThat(tokenizer.encode("a")).hasSize(1024);
        }
        steps.add(steps.get(0).deepCopy());
        assertRefused(json.toString(), "1024 times longer");
        steps.removeAll();
        for (int i = 0; i < 64; i++) {
            steps.addObject().put("type", "Nmt");
        }
        assertRefused(json.toString(), "more than 64 steps");
        JsonNode deep = JSON.readTree("{\"type\":\"NFC\"}");
        for (int i = 0; i < 5; i++) {
            ObjectNode around = JSON.createObjectNode().put("type", "Sequence");
            around.putArray("normalizers").add(deep);
            deep = around;
        }
        json.set("normalizer", deep);
        assertRefused(json.toString(), "more than 4 levels");
    }

    /** Components that lengthen a text, or each of its pieces, as often as they are repeated. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '~', value = {
        "normalizer; normalizers; 6; 7; {'type':'ByteLevel'}",
        "normalizer; normalizers; 2; 3; {'type':'NFKD'}",
        "normalizer; normalizers; 4; 5; {'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,'lowercase':true}",
        "normalizer; normalizers; 10; 11; {'type':'Prepend','prepend':'b'}",
        "normalizer; normalizers; 17; 18; {'type':'Lowercase'}",
        "pre_tokenizer; pretokenizers; 6; 7; {'type':'ByteLevel','add_prefix_space':true,'trim_offsets':false,'use_regex':false}",
        "pre_tokenizer; pretokenizers; 10; 11; {'type':'Metaspace','replacement':'b','prepend_scheme':'always','split':false}",
        "decoder; decoders; 6; 7; {'type':'BPEDecoder','suffix':''}",
        "decoder; decoders; 6; 7; {'type':'WordPiece','prefix':'','cleanup':true}"})
    void repetitionsThatGrowAreRefused(String part, String steps, int most, int tooMany, String step) throws IOException {
        for (int count : new int[] {most, tooMany}) {
            ObjectNode json = sound();
            var sequence = json.putObject(part).put("type", "Sequence").putArray(steps);
            for (int i = 0; i < count; i++) {
                sequence.add(JSON.readTree(step.replace('\'', '"')));
            }
            if (count == most) {
                try (Tokenizer tokenizer = load(json.toString())) {
                    assertThat(tokenizer.decode(tokenizer.encode("ab"))).contains("a");
                }
            } else {
                assertRefused(json.toString(), part.equals("decoder") ? "64 times longer" : "1024 times longer");
            }
        }
    }

    /** Compiled rules count by their longest replacement: 'a' by 32 bytes, twice. */
    @Test
    void compiledRulesThatGrowAreRefusedWhenRepeated() throws IOException {
        ObjectNode json = sound();
        var steps = json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        ObjectNode rules = JSON.createObjectNode().put("type", "Precompiled").put("precompiled_charsmap",
                Base64.getEncoder().encodeToString(CharsMapTest.replacingA("b".repeat(32))));
        steps.add(rules).add(rules);
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThat(tokenizer.encode("a")).hasSize(32);
        }
        steps.addObject().put("type", "Prepend").put("prepend", "b");
        assertRefused(json.toString(), "1024 times longer");
    }

    @Test
    void patternsOfSeveralStepsAreCountedTogether() throws IOException {
        ObjectNode json = sound();
        var steps = json.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        for (int i = 0; i < 16; i++) {
            ObjectNode split = steps.addObject().put("type", "Split").put("behavior", "Isolated").put("invert", false);
            split.putObject("pattern").put("Regex", "[^a]{1000}" + i % 10);
        }
        load(json.toString()).close();
        steps.add(steps.get(0).deepCopy());
        assertRefused(json.toString(), "look at more than 16384 characters from each place");
    }

    @Test
    void unigramTokensThatBeginOneAnotherAreBounded() throws IOException {
        for (int count : new int[] {127, 128}) {
            var vocabulary = JSON.createArrayNode();
            for (int length = 1; length <= count; length++) {
                vocabulary.addArray().add("a".repeat(length)).add(-length);
                vocabulary.addArray().add("b".repeat(length)).add(-length);
            }
            ObjectNode json = JSON.createObjectNode();
            json.putObject("model").put("type", "Unigram").put("unk_id", 0).set("vocab", vocabulary);
            if (count == 127) {
                load(json.toString()).close();
            } else {
                assertRefused(json.toString(), "begin one another, of more than 8192 bytes");
            }
        }
    }

    /** The memory that the library takes is bounded by the length of what a text may become. */
    @Test
    void theLongestTextDependsOnWhatItMayBecome() throws IOException {
        ObjectNode json = sound();
        json.set("normalizer", JSON.readTree("{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"%s\"}".formatted("b".repeat(256))));
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThatThrownBy(() -> tokenizer.encode("a".repeat(1_048_577))).isInstanceOf(TokenizerException.class)
                    .hasMessageContainingAll("1,048,577 characters", "1,048,576 at once");
            assertThat(tokenizer.encode("x")).hasSize(256);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "{", "[]", "7", "null", "{} {}", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
        "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":7}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":7}}"})
    void aFileThatIsNoTokenizerIsRefused(String content) throws IOException {
        assertRefused(content, "tokenizer.json");
    }

    @Test
    void nestingOfJsonItselfIsBounded() throws IOException {
        assertRefused("[".repeat(100_000), "tokenizer.json");
    }

    @Test
    void textsAreEncodedUpToALength() throws IOException {
        ObjectNode json = sound();
        json.set("pre_tokenizer", JSON.readTree("{\"type\":\"WhitespaceSplit\"}"));
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThatThrownBy(() -> tokenizer.encode(" ".repeat(4_000_001))).isInstanceOf(TokenizerException.class)
                    .hasMessageContainingAll("4,000,001 characters", "4,000,000 at once");
        }
    }

    /** Rules of a real model pass, and give the library what it needs. */
    @Test
    void soundRulesAreTaken() throws IOException {
        byte[] rules = SentencePieceModel.parse(SentencePieceKinds.model("bpe-own-rules"), "m").charsMap().bytes();
        ObjectNode json = sound();
        json.putObject("normalizer").put("type", "Precompiled").put("precompiled_charsmap", Base64.getEncoder().encodeToString(rules));
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThat(tokenizer.encode("A")).as("A becomes a").containsExactly(0);
        }
    }

    private static ObjectNode sound() throws IOException {
        return (ObjectNode) JSON.readTree("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}");
    }

    private void assertRefused(String content, String problem) {
        assertThatThrownBy(() -> load(content).close()).isInstanceOf(TokenizerException.class).hasMessageStartingWith("[tokenizer] ")
                .hasMessageContaining(folder.resolve("tokenizer.json").toString()).hasMessageContaining(problem).message().doesNotContain("\n");
    }

    private Tokenizer load(String content) throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), content);
        return Tokenizer.load(folder);
    }

    private static JsonNode resource(String name) throws IOException {
        try (InputStream json = SafeTokenizerJsonTest.class.getResourceAsStream(name)) {
            return JSON.readTree(Objects.requireNonNull(json, name));
        }
    }
}
