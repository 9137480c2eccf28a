package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;
import java.util.TreeMap;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.MistakenFile;
import kept.text.Json;
import kept.text.TextFiles;

/**
 * Finds the chat templates of a checkpoint as transformers does: {@code chat_template.jinja} and the files in {@code additional_chat_templates}, or
 * else those in {@code tokenizer_config.json}.
 */
public final class ChatTemplateFiles {
    /** Name of the template for conversations without tools. */
    public static final String DEFAULT = "default";
    /** Folder of the other templates. */
    static final String FOLDER = "additional_chat_templates";
    private static final String OPERATION = "chat template";
    private static final String KEY = "chat_template";
    private static final String SUFFIX = ".jinja";

    /**
     * A chat template.
     *
     * @param text its text
     * @param where its origin, for messages
     */
    public record Named(String text, String where) { }

    private ChatTemplateFiles() { }

    /**
     * Reads all templates of a checkpoint.
     *
     * @param directory the checkpoint's
     * @return the templates by name
     * @throws FileException if a file is outside the checkpoint or not a template
     * @throws TokenizerException if tokenizer_config.json contains an invalid template
     * @throws IOException if a file cannot be read
     */
    public static SequencedMap<String, Named> read(Path directory) throws IOException {
        TokenizerFiles.requireWithin(directory);
        var templates = new TreeMap<String, Named>();
        for (var other : others(directory).entrySet()) {
            templates.put(other.getKey(), new Named(TextFiles.read(other.getValue()), other.getValue().toString()));
        }
        Path file = directory.resolve(TokenizerFiles.CHAT_TEMPLATE_FILE);
        if (Files.isRegularFile(file)) {
            templates.put(DEFAULT, new Named(TextFiles.read(file), file.toString()));
        }
        Path config = directory.resolve(TokenizerFiles.CONFIG_FILE);
        return templates.isEmpty() ? ofConfig(TokenizerSettings.readJson(config), config.toString()) : templates;
    }

    /**
     * Parses the templates in a JSON file: one text, or a list of named texts.
     *
     * @param json the content of the file, such as tokenizer_config.json
     * @param file the file's name, for messages
     * @return the templates by name; empty if there are none
     * @throws TokenizerException if they have another form
     * @throws IOException if it is not JSON
     */
    public static SequencedMap<String, Named> parse(String json, String file) throws IOException {
        return ofConfig(Json.parse(json), file);
    }

    private static SequencedMap<String, Named> ofConfig(JsonNode config, String file) {
        JsonNode given = config.path(KEY);
        var templates = new TreeMap<String, Named>();
        if (given.isMissingNode() || given.isNull()) {
            return templates;
        }
        if (given.isTextual()) {
            templates.put(DEFAULT, new Named(given.asText(), "chat_template of " + file));
            return templates;
        }
        if (given.isObject()) {
            given.properties().forEach(entry -> add(templates, entry.getKey(), entry.getValue(), file));
        } else {
            given.forEach(entry -> add(templates, entry.path("name").asText(), entry.path("template"), file));
        }
        if (templates.isEmpty()) {
            throw new TokenizerException("[chat template] %s: chat_template is neither a text nor a list of templates with names".formatted(file));
        }
        return templates;
    }

    private static void add(SequencedMap<String, Named> templates, String name, JsonNode template, String file) {
        if (!template.isTextual()) {
            throw new TokenizerException("[chat template] %s: the template named '%s' is no text".formatted(file, name));
        }
        templates.put(name, new Named(template.asText(), "chat_template %s of %s".formatted(name, file)));
    }

    /** Finds the files in {@link #FOLDER}, inside the checkpoint, by template name. */
    static SequencedMap<String, Path> others(Path directory) throws IOException {
        var others = new TreeMap<String, Path>();
        Path folder = InputFiles.findFolder(OPERATION, directory, FOLDER).orElse(null);
        if (folder == null) {
            return others;
        }
        try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*" + SUFFIX)) {
            for (Path file : found) {
                InputFiles.requireWithin(OPERATION, file);
                MistakenFile.pointer(OPERATION, file).ifPresent(problem -> {
                    throw new FileException(OPERATION, file, problem);
                });
                String name = file.getFileName().toString();
                others.put(name.substring(0, name.length() - SUFFIX.length()), file);
            }
        }
        return others;
    }
}
