package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.StreamSupport;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.TextFiles;

/** What {@code tokenizer_config.json} says, where there is one: marks, flags, added tokens and the chat template. */
final class TokenizerSettings {
    private final Path directory;
    private final JsonNode config;

    private TokenizerSettings(Path directory, JsonNode config) {
        this.directory = directory;
        this.config = config;
    }

    static TokenizerSettings read(Path directory) throws IOException {
        return new TokenizerSettings(directory, readJson(directory.resolve(TokenizerFiles.CONFIG_FILE)));
    }

    /** The text of a mark, as in {@code bos_token}; a mark is named by its text, or by an object that holds it. */
    Optional<String> mark(String key) {
        JsonNode name = config.path(key);
        JsonNode text = name.isObject() ? name.path("content") : name;
        return text.isTextual() ? Optional.of(text.asText()) : Optional.empty();
    }

    /** A truth value; empty where nothing is said. */
    Optional<Boolean> flag(String key) {
        return config.path(key).isBoolean() ? Optional.of(config.path(key).asBoolean()) : Optional.empty();
    }

    /** The object {@code added_tokens_decoder}: tokens by id. */
    JsonNode addedTokens() {
        return config.path("added_tokens_decoder");
    }

    /** The configuration's template, of several that named default; or else the file's. */
    Optional<String> chatTemplate() throws IOException {
        JsonNode template = config.path("chat_template");
        if (template.isTextual()) {
            return Optional.of(template.asText());
        }
        Optional<String> named = StreamSupport.stream(template.spliterator(), false)
                .filter(entry -> entry.path("name").asText().equals("default")).map(entry -> entry.path("template").asText()).findFirst();
        Path file = directory.resolve(TokenizerFiles.CHAT_TEMPLATE_FILE);
        return named.isPresent() || !Files.isRegularFile(file) ? named : Optional.of(TextFiles.read(file));
    }

    /** The content of a JSON file; an empty object where there is none. */
    static JsonNode readJson(Path file) throws IOException {
        try {
            return Files.isRegularFile(file) ? Json.read(file) : JsonNodeFactory.instance.objectNode();
        } catch (JsonException e) {
            throw new TokenizerException("[tokenizer] " + file + " is not JSON: " + e.getMessage(), e);
        }
    }
}
