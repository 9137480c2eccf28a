package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.tokenizer.Vocabulary.ByteLevel;
import kept.tokenizer.Vocabulary.Splitting;

/**
 * A byte-level BPE {@code tokenizer.json}: text is composed (NFC) or left as it is, then split into words, each byte is represented by one of 256
 * characters, and pairs are merged in the order of a list. Only the rules of {@link Splitting} are supported.
 */
final class ByteLevelModel {
    /** GPT-4's pattern with the one of numbers left open; it matches every character, so what is between its matches is empty. */
    private static final String GPT4_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String UP_TO_THREE_DIGITS = GPT4_WORDS.formatted("\\p{N}{1,3}");
    private static final String SINGLE_DIGITS = GPT4_WORDS.formatted("\\p{N}");

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
        if (!steps(json.path("normalizer"), "normalizers").stream().allMatch(step -> step.path("type").asText().equals("NFC"))) {
            throw refused("rewrites text before it is split, in another way than NFC (normalizer)");
        }
    }

    /** Whether text is composed (NFC) before it is split. */
    boolean composes() {
        return !steps(json.path("normalizer"), "normalizers").isEmpty();
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

    /** The special tokens around each text. */
    PostProcessor postProcessor() {
        return PostProcessor.of(json);
    }

    private Splitting splitting() {
        List<JsonNode> steps = steps(json.path("pre_tokenizer"), "pretokenizers");
        JsonNode first = steps.isEmpty() ? MissingNode.getInstance() : steps.getFirst();
        boolean wholeWords = model.path("ignore_merges").asBoolean();
        Optional<Splitting> rule = Optional.empty();
        if (steps.size() == 1 && isByteLevel(first, true)) {
            rule = Optional.of(Splitting.GPT2);
        } else if (steps.size() == 2 && first.path("type").asText().equals("Digits")) {
            rule = first.path("individual_digits").asBoolean() && isByteLevel(steps.get(1), true) ? Optional.of(Splitting.DIGITS) : rule;
        } else if (steps.size() == 2 && isByteLevel(steps.get(1), false)) {
            rule = ofPattern(first, wholeWords);
        }
        return rule.filter(splitting -> wholeWords == (splitting == Splitting.LLAMA3))
                .orElseThrow(() -> refused("splits text into words in a way that is neither that of GPT-2, StarCoder, GPT-4, Llama 3 nor StableLM 2 "
                        + "(pre_tokenizer, ignore_merges)"));
    }

    private static Optional<Splitting> ofPattern(JsonNode split, boolean wholeWords) {
        String behavior = split.path("behavior").asText();
        boolean matches = split.path("type").asText().equals("Split") && behavior.equals(split.path("invert").asBoolean() ? "Removed" : "Isolated");
        String pattern = SafePattern.spelled(split.path("pattern").path("Regex").asText());
        if (matches && pattern.equals(UP_TO_THREE_DIGITS)) {
            return Optional.of(wholeWords ? Splitting.LLAMA3 : Splitting.GPT4);
        }
        return matches && pattern.equals(SINGLE_DIGITS) ? Optional.of(Splitting.STABLELM2) : Optional.empty();
    }

    private static boolean isByteLevel(JsonNode splitter, boolean splits) {
        return splitter.path("type").asText().equals("ByteLevel") && !splitter.path("add_prefix_space").asBoolean(true)
                && splitter.path("use_regex").asBoolean(true) == splits;
    }

    /** The steps of a component, which may be a sequence of others. */
    private static List<JsonNode> steps(JsonNode component, String inner) {
        if (!component.isObject()) {
            return List.of();
        }
        return component.path("type").asText().equals("Sequence")
                ? component.path(inner).valueStream().flatMap(step -> steps(step, inner).stream()).toList() : List.of(component);
    }

    private TokenizerException refused(String problem) {
        return new TokenizerException("[tokenizer] " + file + " " + problem + ", which cannot be carried over");
    }
}
