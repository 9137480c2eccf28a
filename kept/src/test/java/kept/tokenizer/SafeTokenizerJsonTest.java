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
        "model; {'type':'WordPiece','vocab':{'a':0},'unk_token':'a','max_input_chars_per_word':1000000}; words of more",
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
        for (int i = 0; i < 6; i++) {
            steps.addObject().put("type", "Replace").put("content", "aa").putObject("pattern").put("String", "a");
        }
        try (Tokenizer tokenizer = load(json.toString())) {
            assertThat(tokenizer.encode("a")).hasSize(64);
        }
        steps.add(steps.get(0).deepCopy());
        assertRefused(json.toString(), "64 times longer");
        steps.removeAll();
        for (int i = 0; i < 64; i++) {
            steps.addObject().put("type", "NFC");
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
