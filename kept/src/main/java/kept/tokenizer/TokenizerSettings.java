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

/** What {@code tokenizer_config.json} says, where there is one: marks, flags, added tokens; and the chat template. */
final class TokenizerSettings {
    private final Path directory;
    private final JsonNode config;
    private final Set<String> marks;

    private TokenizerSettings(Path directory, JsonNode config) {
        this.directory = directory;
        this.config = config;
        this.marks = namedMarks(config);
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

    /** Whether a token is named as a mark, or in one of the lists of marks that releases of transformers write. */
    boolean isMark(String text) {
        return marks.contains(text);
    }

    private static Set<String> namedMarks(JsonNode config) {
        Set<String> marks = new HashSet<>();
        for (String key : new String[] {"bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token", "mask_token"}) {
            marks.add(TokenizerFiles.content(config.path(key)));
        }
        for (String key : new String[] {"additional_special_tokens", "extra_special_tokens"}) {
            config.path(key).forEach(token -> marks.add(TokenizerFiles.content(token)));
        }
        return marks;
    }

    /** The names of templates that are not {@linkplain #chatTemplate the} one. */
    List<String> otherTemplates() throws IOException {
        return ChatTemplateFiles.read(directory).keySet().stream().filter(name -> !name.equals(ChatTemplateFiles.DEFAULT)).toList();
    }

    /** The template for conversations without tools, as transformers finds it. */
    Optional<String> chatTemplate() throws IOException {
        return Optional.ofNullable(ChatTemplateFiles.read(directory).get(ChatTemplateFiles.DEFAULT)).map(ChatTemplateFiles.Named::text);
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
