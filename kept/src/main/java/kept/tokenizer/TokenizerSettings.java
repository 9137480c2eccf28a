package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import kept.text.Json;
import kept.text.JsonException;

/**
 * The settings of {@code tokenizer_config.json} and {@code special_tokens_map.json}, as far as they exist: special tokens, flags, added tokens and
 * the chat template.
 */
final class TokenizerSettings {
    private final Path directory;
    private final JsonNode config;
    private final Set<String> specialTokens;

    private TokenizerSettings(Path directory, JsonNode config) {
        this.directory = directory;
        this.config = config;
        this.specialTokens = listedAsSpecial(config);
    }

    static TokenizerSettings read(Path directory) throws IOException {
        return new TokenizerSettings(directory, config(directory));
    }

    /**
     * The content of {@code tokenizer_config.json} with the special tokens of {@code special_tokens_map.json} and of the tokenizer's class, as
     * transformers puts them together: the map counts unless the configuration has {@code added_tokens_decoder}, the class where neither has a key.
     */
    static ObjectNode config(Path directory) throws IOException {
        ObjectNode config = readObject(directory.resolve(TokenizerFiles.CONFIG_FILE)).deepCopy();
        if (!config.has("added_tokens_decoder")) {
            readObject(directory.resolve(TokenizerFiles.SPECIAL_TOKENS_FILE)).properties()
                    .forEach(token -> config.set(token.getKey(), texts(token.getValue())));
        }
        ClassTokens.putMissing(directory, config);
        return config;
    }

    /** Tokens by their texts, which is how a configuration names them; the map may have objects that contain a text. */
    private static JsonNode texts(JsonNode tokens) {
        if (tokens.isArray()) {
            ArrayNode texts = JsonNodeFactory.instance.arrayNode();
            tokens.forEach(token -> texts.add(texts(token)));
            return texts;
        }
        return tokens.has("content") ? tokens.get("content") : tokens;
    }

    /** The text of a special token, as in {@code bos_token}; it is given as its text or as an object that contains it. */
    Optional<String> specialToken(String key) {
        JsonNode name = config.path(key);
        JsonNode text = name.isObject() ? name.path("content") : name;
        return text.isTextual() ? Optional.of(text.asText()) : Optional.empty();
    }

    /** A boolean; empty if it is absent. */
    Optional<Boolean> flag(String key) {
        return config.path(key).isBoolean() ? Optional.of(config.path(key).asBoolean()) : Optional.empty();
    }

    /** The object {@code added_tokens_decoder}: tokens by id. */
    JsonNode addedTokens() {
        return config.path("added_tokens_decoder");
    }

    /** Whether a token is listed as special, in any of the forms that releases of transformers write. */
    boolean isSpecial(String text) {
        return specialTokens.contains(text);
    }

    private static Set<String> listedAsSpecial(JsonNode config) {
        Set<String> specialTokens = new HashSet<>();
        for (String key : new String[] {"bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token", "mask_token"}) {
            specialTokens.add(TokenizerFiles.content(config.path(key)));
        }
        for (String key : new String[] {"additional_special_tokens", "extra_special_tokens"}) {
            config.path(key).forEach(token -> specialTokens.add(TokenizerFiles.content(token)));
        }
        return specialTokens;
    }

    /** The names of the templates other than the {@linkplain #chatTemplate default}. */
    List<String> otherTemplates() throws IOException {
        return ChatTemplateFiles.read(directory).keySet().stream().filter(name -> !name.equals(ChatTemplateFiles.DEFAULT)).toList();
    }

    /** The template for conversations without tools, found as transformers does. */
    Optional<String> chatTemplate() throws IOException {
        return Optional.ofNullable(ChatTemplateFiles.read(directory).get(ChatTemplateFiles.DEFAULT)).map(ChatTemplateFiles.Named::text);
    }

    /** Reads a JSON file; an empty object if it does not exist. */
    static JsonNode readJson(Path file) throws IOException {
        try {
            return Files.isRegularFile(file) ? Json.read(file) : JsonNodeFactory.instance.objectNode();
        } catch (JsonException e) {
            throw new TokenizerException("[tokenizer] " + file + " is not JSON: " + e.getMessage(), e);
        }
    }

    private static ObjectNode readObject(Path file) throws IOException {
        if (readJson(file) instanceof ObjectNode object) {
            return object;
        }
        throw new TokenizerException("[tokenizer] " + file + " is not a JSON object");
    }
}
