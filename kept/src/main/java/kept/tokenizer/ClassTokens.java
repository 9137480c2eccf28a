package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The special tokens that classes of transformers give to a byte-level tokenizer whose files do not name them. The class is that of
 * {@code tokenizer_config.json}, else the one that transformers has for the {@code model_type} of {@code config.json}; for some types it is always
 * that.
 */
final class ClassTokens {
    private static final String END = "<|endoftext|>";
    private static final String GPT2 = "GPT2Tokenizer";
    private static final String GPT_NEOX = "GPTNeoXTokenizer";
    private static final Map<String, Map<String, String>> TOKENS = Map.of(
            GPT2, Map.of("bos_token", END, "eos_token", END, "unk_token", END),
            GPT_NEOX, Map.of("bos_token", END, "eos_token", END, "unk_token", END, "pad_token", "<|padding|>"));
    private static final Map<String, String> CLASSES = Map.of("olmo", GPT_NEOX, "starcoder2", GPT2);
    /** Families for which transformers takes a class without tokens of its own, whatever the configuration names. */
    private static final Set<String> WITHOUT_TOKENS = Set.of("stablelm", "nemotron");

    private ClassTokens() {}

    /**
     * Adds the tokens of the class to a configuration that lacks their keys. transformers makes new tokens of those that the vocabulary lacks; a
     * model has no embeddings for these, so they are left out.
     *
     * @param directory the tokenizer's, with its {@code tokenizer.json}
     * @param config the tokenizer's configuration
     */
    static void putMissing(Path directory, ObjectNode config) throws IOException {
        Path json = directory.resolve(Tokenizer.JSON_FILE);
        if (!Files.isRegularFile(json) || Files.isRegularFile(directory.resolve(Tokenizer.SENTENCEPIECE_FILE))) {
            return;
        }
        Map<String, String> missing = TOKENS.getOrDefault(className(directory, config), Map.of()).entrySet().stream()
                .filter(token -> !config.has(token.getKey())).collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        if (missing.isEmpty()) {
            return;
        }
        JsonNode tokenizer = TokenizerSettings.readJson(json);
        Set<String> added = tokenizer.path("added_tokens").valueStream().map(token -> token.path("content").asText()).collect(Collectors.toSet());
        missing.forEach((key, text) -> {
            if (added.contains(text) || tokenizer.path("model").path("vocab").has(text)) {
                config.put(key, text);
            }
        });
    }

    private static String className(Path directory, ObjectNode config) throws IOException {
        String family = TokenizerSettings.readJson(directory.resolve("config.json")).path("model_type").asText();
        String named = config.path("tokenizer_class").asText(CLASSES.getOrDefault(family, ""));
        return WITHOUT_TOKENS.contains(family) ? "" : named.replaceFirst("Fast$", "");
    }
}
