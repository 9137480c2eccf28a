package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Tokens added to a SentencePiece model, which are listed only in other files: {@code added_tokens.json} of older releases of transformers,
 * {@code added_tokens_decoder} in {@code tokenizer_config.json}, and {@code added_tokens} in {@code tokenizer.json}.
 */
final class AddedTokens {
    static final String FILE = "added_tokens.json";
    private static final String DECODER = "added_tokens_decoder";

    private AddedTokens() {}

    /** Returns the ids of the tokens beyond the model's pieces, by text. */
    static SequencedMap<String, Integer> beyond(Path directory, int pieces) throws IOException {
        SequencedMap<String, Integer> ids = new LinkedHashMap<>(ofFile(directory));
        JsonNode config = TokenizerSettings.readJson(directory.resolve(TokenizerFiles.CONFIG_FILE));
        for (Map.Entry<String, JsonNode> token : config.path(DECODER).properties()) {
            if (token.getKey().matches("\\d{1,9}")) {
                ids.put(token.getValue().path("content").asText(), Integer.valueOf(token.getKey()));
            }
        }
        for (JsonNode token : TokenizerSettings.readJson(directory.resolve(Tokenizer.JSON_FILE)).path("added_tokens")) {
            ids.put(token.path("content").asText(), token.path("id").asInt(-1));
        }
        ids.entrySet().removeIf(token -> token.getKey().isEmpty() || token.getValue() < pieces);
        return ids;
    }

    /**
     * Copies the tokens of {@code added_tokens.json} to where transformers looks for them beside a tokenizer.json. They are not normalized, so that
     * the text after one is encoded separately, as by a tokenizer that uses SentencePiece.
     */
    static void carryOver(Path source, ObjectNode config) throws IOException {
        SequencedMap<String, Integer> ids = ofFile(source);
        if (ids.isEmpty()) {
            return;
        }
        TokenizerSettings settings = TokenizerSettings.read(source);
        ObjectNode decoder = config.path(DECODER) instanceof ObjectNode present ? present : config.putObject(DECODER);
        ids.forEach((text, id) -> {
            if (!decoder.has(id.toString())) {
                decoder.putObject(id.toString()).put("content", text).put("lstrip", false).put("normalized", false).put("rstrip", false)
                    .put("single_word", false).put("special", settings.isSpecial(text));
            }
        });
    }

    private static SequencedMap<String, Integer> ofFile(Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        JsonNode tokens = TokenizerSettings.readJson(file);
        if (!tokens.isObject()) {
            throw new TokenizerException("[tokenizer] " + file + " is not a JSON object of ids by tokens");
        }
        SequencedMap<String, Integer> ids = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> token : tokens.properties()) {
            if (!token.getValue().canConvertToInt() || !token.getValue().isIntegralNumber() || token.getValue().asInt() < 0) {
                throw new TokenizerException("[tokenizer] %s: the id of the token %s must be a whole number of at least 0, not %s"
                    .formatted(file, token.getKey(), token.getValue()));
            }
            ids.put(token.getKey(), token.getValue().asInt());
        }
        return ids;
    }
}
