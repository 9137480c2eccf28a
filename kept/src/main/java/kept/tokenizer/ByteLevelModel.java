package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.tokenizer.Vocabulary.ByteLevel;
import kept.tokenizer.Vocabulary.Splitting;

/**
 * A byte-level BPE {@code tokenizer.json}: text is split into words, each byte is represented by one of 256 characters, and pairs are merged in the
 * order of a list. Only the splitting patterns of GPT-2 and Llama 3 are supported.
 */
final class ByteLevelModel {
    private static final String LLAMA3_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private final Path file;
    private final JsonNode json;
    private final JsonNode model;

    ByteLevelModel(Path file, JsonNode json) {
        this.file = file;
        this.json = json;
        this.model = json.path("model");
        boolean bpe = model.path("type").asText("BPE").equals("BPE") && model.path("vocab").isObject() && model.path("merges").isArray();
        if (!bpe || model.path("byte_fallback").asBoolean()) {
            throw refused(bpe ? "spells unknown characters by byte tokens, as converted SentencePiece models do: put its tokenizer.model beside it"
                    : "is not BPE");
        }
        for (String affix : new String[] {"continuing_subword_prefix", "end_of_word_suffix"}) {
            if (!model.path(affix).asText("").isEmpty()) {
                throw refused("marks parts of words (%s)".formatted(affix));
            }
        }
        if (json.hasNonNull("normalizer")) {
            throw refused("rewrites text before it is split (normalizer)");
        }
    }

    Map<String, Integer> vocabulary() {
        Map<String, Integer> ids = new LinkedHashMap<>();
        model.path("vocab").properties().forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt(-1)));
        return ids;
    }

    JsonNode addedTokens() {
        return json.path("added_tokens");
    }

    ByteLevel byteLevel() {
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : model.path("merges")) {
            String pair = merge.isArray() ? merge.path(0).asText() + " " + merge.path(1).asText() : merge.asText();
            if (pair.chars().filter(c -> c == ' ').count() != 1) {
                throw refused("holds a merge that is not two tokens: " + pair);
            }
            merges.add(pair);
        }
        return new ByteLevel(merges, splitting());
    }

    /** Whether the post-processor template of a single text starts with a special token. */
    boolean templateBegins() {
        JsonNode single = template();
        return single.path(0).has("SpecialToken");
    }

    /** Whether the post-processor template of a single text ends with a special token. */
    boolean templateEnds() {
        JsonNode single = template();
        return single.size() > 1 && single.path(single.size() - 1).has("SpecialToken");
    }

    private JsonNode template() {
        JsonNode processor = json.path("post_processor");
        for (JsonNode part : processor.path("processors")) {
            if (part.path("type").asText().equals("TemplateProcessing")) {
                return part.path("single");
            }
        }
        return processor.path("single");
    }

    private Splitting splitting() {
        JsonNode splitter = json.path("pre_tokenizer");
        boolean wholeWords = model.path("ignore_merges").asBoolean();
        if (isByteLevel(splitter, true) && !wholeWords) {
            return Splitting.GPT2;
        }
        JsonNode split = splitter.path("pretokenizers").path(0);
        boolean llama3 = splitter.path("pretokenizers").size() == 2 && isByteLevel(splitter.path("pretokenizers").path(1), false)
                && split.path("type").asText().equals("Split") && split.path("pattern").path("Regex").asText().equals(LLAMA3_WORDS)
                && split.path("behavior").asText().equals("Isolated") && !split.path("invert").asBoolean();
        if (llama3 && wholeWords) {
            return Splitting.LLAMA3;
        }
        throw refused("splits text into words in a way that is neither GPT-2's nor Llama 3's (pre_tokenizer, ignore_merges)");
    }

    private static boolean isByteLevel(JsonNode splitter, boolean splits) {
        return splitter.path("type").asText().equals("ByteLevel") && !splitter.path("add_prefix_space").asBoolean(true)
                && splitter.path("use_regex").asBoolean(true) == splits;
    }

    private TokenizerException refused(String problem) {
        return new TokenizerException("[tokenizer] " + file + " " + problem + ", which cannot be carried over");
    }
}
