package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A {@code tokenizer.json} reduced to known components with bounded cost. Hugging Face's library aborts the process on unexpected content, so only
 * the components, fields and patterns listed here are passed to it. Post-processing (templates, truncation, padding) is removed, since ids are
 * requested without it.
 */
final class SafeTokenizerJson {
    private static final int MAX_STEPS = 64;
    private static final int DEEPEST = 4;
    private static final int MAX_TOKEN_LENGTH = 4096;
    /** The library frees a unigram model's trie with one recursive call per byte. */
    private static final int MAX_UNIGRAM_TOKEN_LENGTH = 1024;
    private static final int MAX_CONTENT_LENGTH = 256;
    private static final int MAX_ID = 1 << 24;
    private static final int ADDED_CHARACTERS = 4_000_000;
    /** WordPiece hashes every part of a word, which takes time by the cube of its length; published models have 100. */
    private static final int MAX_WORD_LENGTH = 256;
    /** Maximum number of bytes of tokens that begin one another: the library copies all of them at every place of a text. */
    private static final int MAX_NESTED_BYTES = 8192;
    /**
     * Maximum factor by which a text may be lengthened before it is split into tokens. That of ALBERT is 484: a compatibility decomposition, compiled
     * rules, and a mark before every piece.
     */
    private static final double MAX_GROWTH = 1024;
    /** The same for a text that is decoded. */
    private static final double MAX_DECODED_GROWTH = 64;
    /** The longest compatibility decomposition, that of U+FDFA, in bytes per byte; that of a canonical one is 3. */
    private static final double COMPATIBILITY_GROWTH = 11;
    private static final double CANONICAL_GROWTH = 3;
    /** Accents are separated, and spaces set around Chinese characters. */
    private static final double BERT_GROWTH = 5;
    private static final double LOWERCASE_GROWTH = 1.5;
    /** A byte becomes a letter of two, with another before each piece; what is decoded and no text, U+FFFD. */
    private static final double BYTE_LEVEL_GROWTH = 3;

    private static final Map<String, List<String>> NORMALIZERS = Map.ofEntries(Map.entry("Sequence", List.of("normalizers")),
            Map.entry("NFC", List.of()), Map.entry("NFD", List.of()), Map.entry("NFKC", List.of()), Map.entry("NFKD", List.of()),
            Map.entry("Lowercase", List.of()), Map.entry("StripAccents", List.of()), Map.entry("Nmt", List.of()), Map.entry("ByteLevel", List.of()),
            Map.entry("BertNormalizer", List.of("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")),
            Map.entry("Strip", List.of("strip_left", "strip_right")), Map.entry("Prepend", List.of("prepend")),
            Map.entry("Replace", List.of("pattern", "content")), Map.entry("Precompiled", List.of("precompiled_charsmap")));
    private static final List<String> BYTE_LEVEL = List.of("add_prefix_space", "trim_offsets", "use_regex");
    private static final List<String> METASPACE = List.of("replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep");
    private static final Map<String, List<String>> PRE_TOKENIZERS = Map.ofEntries(Map.entry("Sequence", List.of("pretokenizers")),
            Map.entry("ByteLevel", BYTE_LEVEL), Map.entry("Metaspace", METASPACE), Map.entry("Whitespace", List.of()),
            Map.entry("WhitespaceSplit", List.of()), Map.entry("BertPreTokenizer", List.of()), Map.entry("UnicodeScripts", List.of()),
            Map.entry("Split", List.of("pattern", "behavior", "invert")), Map.entry("Punctuation", List.of("behavior")),
            Map.entry("Digits", List.of("individual_digits")), Map.entry("CharDelimiterSplit", List.of("delimiter")));
    private static final Map<String, List<String>> DECODERS = Map.of("Sequence", List.of("decoders"), "ByteLevel", BYTE_LEVEL,
            "Metaspace", METASPACE, "ByteFallback", List.of(), "Fuse", List.of(), "Strip", List.of("content", "start", "stop"),
            "Replace", List.of("pattern", "content"), "WordPiece", List.of("prefix", "cleanup"), "BPEDecoder", List.of("suffix"));
    private static final Map<String, List<String>> MODELS = Map.of(
            "BPE", List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
                    "vocab", "merges"),
            "Unigram", List.of("unk_id", "byte_fallback", "vocab"),
            "WordPiece", List.of("unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"),
            "WordLevel", List.of("unk_token", "vocab"));
    private static final List<String> ADDED = List.of("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");

    private final JsonNode root;
    private final String name;
    private int steps;
    private double growth = 1;
    private double encodedGrowth;
    /** Of all patterns, by {@link SafePattern#steps}. */
    private long patternSteps;

    private SafeTokenizerJson(JsonNode root, String name) {
        this.root = root;
        this.name = name;
    }

    /**
     * Returns the reduced content.
     *
     * @param root the file's content
     * @param name the file's name, for messages
     * @return a tokenizer that produces the same ids
     * @throws TokenizerException naming the first component that is unknown or unbounded
     */
    static Reduced of(JsonNode root, String name) {
        var reader = new SafeTokenizerJson(root, name);
        ObjectNode json = reader.checked();
        return new Reduced(json, reader.encodedGrowth);
    }

    /**
     * A reduced tokenizer.
     *
     * @param json its content
     * @param growth by what factor normalisation may lengthen a text, in bytes
     */
    record Reduced(ObjectNode json, double growth) { }

    private ObjectNode checked() {
        ObjectNode safe = JsonNodeFactory.instance.objectNode().put("version", "1.0");
        safe.putNull("truncation").putNull("padding");
        safe.set("added_tokens", addedTokens());
        safe.set("normalizer", component("normalizer", root.path("normalizer"), NORMALIZERS, 0));
        safe.set("pre_tokenizer", component("pre_tokenizer", root.path("pre_tokenizer"), PRE_TOKENIZERS, 0));
        safe.putNull("post_processor");
        encodedGrowth = growth;
        growth = 1;
        safe.set("decoder", component("decoder", root.path("decoder"), DECODERS, 0));
        safe.set("model", model());
        return safe;
    }

    private ArrayNode addedTokens() {
        ArrayNode tokens = JsonNodeFactory.instance.arrayNode();
        Set<String> seen = new HashSet<>();
        long characters = 0;
        for (JsonNode token : root.path("added_tokens")) {
            String content = text("added_tokens", token, "content", MAX_TOKEN_LENGTH);
            characters += content.length();
            if (content.isEmpty() || !seen.add(content) || characters > ADDED_CHARACTERS) {
                throw refused("added_tokens", content.isEmpty() ? "holds one without a text" : "holds %s twice, or too many".formatted(content));
            }
            requireId("added_tokens", token.path("id"));
            tokens.add(only(token, ADDED));
        }
        return tokens;
    }

    private JsonNode component(String part, JsonNode node, Map<String, List<String>> known, int depth) {
        if (node.isMissingNode() || node.isNull()) {
            return JsonNodeFactory.instance.nullNode();
        }
        String type = node.path("type").asText();
        List<String> fields = known.get(type);
        if (fields == null || ++steps > MAX_STEPS || depth > DEEPEST) {
            throw refused(part, fields == null ? "has a part of the unknown type '%s'".formatted(type)
                    : "has more than %d steps, or more than %d levels of them".formatted(MAX_STEPS, DEEPEST));
        }
        ObjectNode safe = only(node, fields).put("type", type);
        if (!type.equals("Precompiled")) {
            node.properties().stream().filter(field -> field.getValue().isTextual())
                .forEach(field -> text(part, node, field.getKey(), MAX_CONTENT_LENGTH));
        }
        grow(part, growth(part, type, node));
        switch (type) {
            case "Sequence" -> {
                ArrayNode inner = safe.putArray(fields.getFirst());
                node.path(fields.getFirst()).forEach(step -> inner.add(component(part, step, known, depth + 1)));
            }
            case "Split", "Replace" -> requirePattern(part, node.path("pattern"));
            case "Strip" -> {
                // A nonzero "stop" makes the library count backwards past the start of a token.
                if (node.path("stop").asLong() != 0 || node.path("start").asLong() < 0 || node.path("start").asLong() > MAX_CONTENT_LENGTH) {
                    throw refused(part, "strips more than a few characters, or some at the end");
                }
            }
            default -> { }
        }
        return safe;
    }

    /** By what factor a component may lengthen a text, in bytes. A mark is set before each piece, which may be one byte. */
    private double growth(String part, String type, JsonNode node) {
        boolean decodes = part.equals("decoder");
        return switch (type) {
            case "Precompiled" -> CharsMap.check(bytes(node.path("precompiled_charsmap")), name).growth();
            case "NFKC", "NFKD" -> COMPATIBILITY_GROWTH;
            case "NFC", "NFD" -> CANONICAL_GROWTH;
            case "BertNormalizer" -> BERT_GROWTH;
            case "Lowercase" -> LOWERCASE_GROWTH;
            case "ByteLevel" -> BYTE_LEVEL_GROWTH;
            case "Prepend" -> 1 + utf8(text(part, node, "prepend", MAX_CONTENT_LENGTH));
            case "Metaspace" -> decodes ? 1 : 1 + utf8(node.path("replacement").asText());
            // Without a suffix, a space is set before every character.
            case "BPEDecoder" -> node.path("suffix").asText().isEmpty() ? 2 : 1;
            case "WordPiece" -> 2;
            case "Replace" -> {
                JsonNode literal = node.path("pattern").path("String");
                double replaced = literal.isTextual() ? Math.max(1, utf8(literal.asText())) : 1;
                yield utf8(text(part, node, "content", MAX_CONTENT_LENGTH)) / replaced;
            }
            default -> 1;
        };
    }

    private void grow(String part, double factor) {
        growth *= Math.max(1, factor);
        double most = part.equals("decoder") ? MAX_DECODED_GROWTH : MAX_GROWTH;
        if (growth > most) {
            throw refused(part, "may make texts more than %.0f times longer".formatted(most));
        }
    }

    private static int utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    private void requirePattern(String part, JsonNode pattern) {
        boolean literal = pattern.size() == 1 && pattern.path("String").isTextual();
        boolean regex = pattern.size() == 1 && pattern.path("Regex").isTextual();
        String text = pattern.path(literal ? "String" : "Regex").asText();
        if (literal ? text.isEmpty() || text.length() > MAX_TOKEN_LENGTH : !regex || !SafePattern.accepts(text)) {
            throw refused(part, "searches for a pattern that may take for ever, or is not known: "
                    + text.substring(0, Math.min(text.length(), MAX_CONTENT_LENGTH)));
        }
        patternSteps += literal ? 1 : SafePattern.steps(text).orElse(0);
        if (patternSteps > SafePattern.MAX_STEPS) {
            throw refused(part, "searches for patterns that look at more than %d characters from each place".formatted(SafePattern.MAX_STEPS));
        }
    }

    private ObjectNode model() {
        JsonNode model = root.path("model");
        String type = model.path("type").asText(guess(model));
        List<String> fields = MODELS.get(type);
        if (fields == null) {
            throw refused("model", "is of the unknown type '%s'".formatted(type));
        }
        if (model.path("dropout").asDouble() != 0) {
            throw refused("model", "drops merges at random (dropout)");
        }
        boolean prefixed = type.equals("BPE") && !model.path("continuing_subword_prefix").asText("").isEmpty() && model.hasNonNull(
                "continuing_subword_prefix");
        if (prefixed || model.path("max_input_chars_per_word").asLong() > MAX_WORD_LENGTH) {
            throw refused("model", prefixed ? "marks parts of words (continuing_subword_prefix)"
                    : "reads words of more than %d characters".formatted(MAX_WORD_LENGTH));
        }
        for (String text : List.of("unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
            if (model.path(text).isTextual()) {
                text("model", model, text, MAX_CONTENT_LENGTH);
            }
        }
        if (type.equals("Unigram")) {
            requireUnigram(model.path("vocab"));
        } else {
            requireVocabulary(model.path("vocab"));
        }
        return only(model, fields).put("type", type);
    }

    /** Old files do not name the model type. */
    private static String guess(JsonNode model) {
        return model.has("merges") ? "BPE" : model.path("vocab").isArray() ? "Unigram" : "";
    }

    private void requireVocabulary(JsonNode vocabulary) {
        var seen = new BitSet();
        for (Map.Entry<String, JsonNode> token : vocabulary.properties()) {
            requireId("model", token.getValue());
            if (token.getKey().length() > MAX_TOKEN_LENGTH || seen.get(token.getValue().intValue())) {
                throw refused("model", "has a token of more than %d characters, or gives the id %s twice"
                        .formatted(MAX_TOKEN_LENGTH, token.getValue()));
            }
            seen.set(token.getValue().intValue());
        }
    }

    private void requireUnigram(JsonNode vocabulary) {
        Set<String> seen = new HashSet<>();
        for (JsonNode token : vocabulary) {
            String text = token.path(0).asText();
            boolean sound = token.size() == 2 && token.path(0).isTextual() && !text.isEmpty() && seen.add(text)
                    && text.getBytes(StandardCharsets.UTF_8).length <= MAX_UNIGRAM_TOKEN_LENGTH
                    && Double.isFinite(token.path(1).asDouble(Double.NaN));
            if (!sound || seen.size() > MAX_ID) {
                throw refused("model", "has a token that is empty, too long, there twice or without a score: %d".formatted(seen.size()));
            }
        }
        requireShallow(seen.stream().sorted().toList());
    }

    /** In the order of texts, a token stands after those that it begins with. */
    private void requireShallow(List<String> sorted) {
        Deque<String> beginnings = new ArrayDeque<>();
        int bytes = 0;
        for (String token : sorted) {
            while (!beginnings.isEmpty() && !token.startsWith(beginnings.peek())) {
                bytes -= utf8(beginnings.pop());
            }
            beginnings.push(token);
            bytes += utf8(token);
            if (bytes > MAX_NESTED_BYTES) {
                throw refused("model", "has tokens that begin one another, of more than %d bytes in all".formatted(MAX_NESTED_BYTES));
            }
        }
    }

    private void requireId(String part, JsonNode id) {
        if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0 || id.intValue() > MAX_ID) {
            throw refused(part, "has a token whose id is " + id);
        }
    }

    private String text(String part, JsonNode node, String field, int longest) {
        JsonNode text = node.path(field);
        if (!text.isTextual() || text.asText().length() > longest) {
            throw refused(part, "has a '%s' that is no text of up to %d characters".formatted(field, longest));
        }
        return text.asText();
    }

    private byte[] bytes(JsonNode base64) {
        return Optional.of(base64).filter(JsonNode::isTextual).map(text -> {
            try {
                return Base64.getDecoder().decode(text.asText());
            } catch (IllegalArgumentException e) {
                throw refused("normalizer", "has rules that are no base64 (precompiled_charsmap)");
            }
        }).filter(bytes -> bytes.length > 0).orElseThrow(() -> refused("normalizer", "has no rules (precompiled_charsmap)"));
    }

    private static ObjectNode only(JsonNode node, List<String> fields) {
        ObjectNode safe = JsonNodeFactory.instance.objectNode();
        fields.stream().filter(node::has).forEach(field -> safe.set(field, node.get(field)));
        return safe;
    }

    private TokenizerException refused(String part, String problem) {
        return new TokenizerException("[tokenizer] %s: the %s %s, which is not read here".formatted(name, part, TokenizerException.oneLine(problem)));
    }
}
