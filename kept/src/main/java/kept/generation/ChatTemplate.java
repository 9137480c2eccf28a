package kept.generation;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.StreamSupport;
import kept.checkpoint.InputFiles;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;
import kept.tokenizer.TokenizerFiles;

/**
 * The Jinja template that turns a conversation into the text a chat model was trained on, rendered as {@code apply_chat_template} of transformers
 * renders it: {@code messages}, {@code add_generation_prompt}, the marks by their names ({@code bos_token}, ...), {@code raise_exception},
 * {@code strftime_now}, {@code tojson}. Lines that are blocks alone vanish (trim_blocks, lstrip_blocks).
 *
 * <p>The interpreter is Jinjava, with Python's methods of strings added. Not supported, and refused with an error: loops with a condition
 * ({@code for x in y if z}), slices with a step, {@code %} on strings, unknown filters, functions, tags and methods. A variable that is
 * {@code none} counts as undefined, and prints nothing; {@code true} prints as that, where Python prints {@code True}.
 */
public final class ChatTemplate {
    /** The name of the template of Orion-14B-Chat, which is known without a file. */
    public static final String ORION = "orion";

    private static final String ORION_SOURCE = "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
            + "{% if message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\\n\\nAssistant: ' + eos_token }}"
            + "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

    private final String name;
    private final String source;
    private final JinjaInterpreter interpreter = new JinjaInterpreter();

    /**
     * A template.
     *
     * @param source its text
     * @param name what to call it in messages
     */
    public ChatTemplate(String source, String name) {
        this.source = source;
        this.name = name;
    }

    /**
     * The template of Orion-14B-Chat: {@code Human: } and {@code Assistant: } between bos and eos; it has no system role.
     *
     * @return the template
     */
    public static ChatTemplate orion() {
        return new ChatTemplate(ORION_SOURCE, ORION);
    }

    /**
     * A template that a user names.
     *
     * @param nameOrFile {@link #ORION}, or a file that holds a template
     * @return the template
     * @throws ChatTemplateException if it is neither
     */
    public static ChatTemplate named(String nameOrFile) {
        if (nameOrFile.equals(ORION)) {
            return orion();
        }
        try {
            InputFiles.irregularity(Path.of(nameOrFile)).ifPresent(problem -> {
                throw new ChatTemplateException("[chat template] %s %s".formatted(nameOrFile, problem));
            });
            return new ChatTemplate(TextFiles.read(Path.of(nameOrFile)), nameOrFile);
        } catch (IOException e) {
            throw new ChatTemplateException("[chat template] %s cannot be read (%s): name a file that holds a Jinja template, or %s"
                    .formatted(nameOrFile, Reasons.of(e), ORION), e);
        }
    }

    /**
     * The template of a checkpoint: {@code chat_template.jinja}, else that in {@code tokenizer_config.json}; of several by name, the one called
     * {@code default}.
     *
     * @param directory the checkpoint's
     * @return the template, if there is one
     * @throws ChatTemplateException if a file cannot be read
     */
    public static Optional<ChatTemplate> read(Path directory) {
        TokenizerFiles.requireWithin(directory);
        Path file = directory.resolve(TokenizerFiles.CHAT_TEMPLATE_FILE);
        Path config = directory.resolve(TokenizerFiles.CONFIG_FILE);
        try {
            if (Files.isRegularFile(file)) {
                return Optional.of(new ChatTemplate(TextFiles.read(file), file.toString()));
            }
            if (!Files.isRegularFile(config)) {
                return Optional.empty();
            }
            JsonNode template = Json.read(config).path("chat_template");
            if (template.isArray()) {
                template = StreamSupport.stream(template.spliterator(), false).filter(named -> named.path("name").asText().equals("default"))
                        .findFirst().map(named -> named.path("template")).orElse(template.path(0).path("template"));
            }
            return template.isTextual() ? Optional.of(new ChatTemplate(template.asText(), "chat_template of " + config)) : Optional.empty();
        } catch (JsonException e) {
            throw new ChatTemplateException("[chat template] %s is not JSON: %s".formatted(config, e.getMessage()), e);
        } catch (IOException e) {
            throw new ChatTemplateException("[chat template] the template in %s cannot be read: %s".formatted(directory, Reasons.of(e)), e);
        }
    }

    /**
     * The template itself.
     *
     * @return its text
     */
    public String source() {
        return source;
    }

    /**
     * What to call it.
     *
     * @return its file, or the name of a known one
     */
    public String name() {
        return name;
    }

    /**
     * The text of a conversation whose next turn is the model's.
     *
     * @param messages the turns so far
     * @param marks the texts of marks by their names, such as {@code eos_token}
     * @return the text
     * @throws ChatTemplateException if the template is wrong, needs what is not supported, or refuses the conversation
     */
    public String render(List<ChatMessage> messages, Map<String, String> marks) {
        var variables = new HashMap<String, Object>(marks);
        variables.put("messages", messages.stream().map(message -> Map.of("role", message.role(), "content", message.content())).toList());
        variables.put("add_generation_prompt", true);
        return interpreter.render(source, name, variables);
    }
}
