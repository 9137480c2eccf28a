package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import kept.text.Json;
import kept.text.JsonException;

/** The settings of {@code tokenizer_config.json}, if it exists: special tokens, flags, added tokens and the chat template. */
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
        return new TokenizerSettings(directory, readJson(directory.resolve(TokenizerFiles.CONFIG_FILE)));
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
}
