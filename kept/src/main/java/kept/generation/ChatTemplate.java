package kept.generation;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Supplier;
import kept.io.InputFiles;
import kept.template.Template;
import kept.template.TemplateException;
import kept.template.TemplateLimits;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;
import kept.tokenizer.ChatTemplateFiles;
import kept.tokenizer.ChatTemplateFiles.Named;
import kept.tokenizer.TokenizerException;

/**
 * The Jinja template that turns a conversation into the text a chat model was trained on, rendered as {@code apply_chat_template} of transformers
 * renders it, to the byte ({@link kept.template}): with {@code messages}, {@code tools} and {@code documents} (none unless given),
 * {@code add_generation_prompt}, and the marks by their names ({@code bos_token}, ...).
 */
public final class ChatTemplate {
    /** The name of the template of Orion-14B-Chat, which is known without a file. */
    public static final String ORION = "orion";

    private static final String ORION_SOURCE = "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
            + "{% if message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\\n\\nAssistant: ' + eos_token }}"
            + "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

    private static final String TOOLS = "tool_use";

    private final String name;
    private final String source;
    private Template compiled;

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
     * @param nameOrFile {@link #ORION}, a file that holds a template, or one in JSON with a field {@code chat_template} as tokenizer_config.json has
     * it
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
            String text = TextFiles.read(Path.of(nameOrFile));
            if (nameOrFile.endsWith(".json")) {
                SequencedMap<String, Named> templates = ChatTemplateFiles.parse(text, nameOrFile);
                if (templates.isEmpty()) {
                    throw new ChatTemplateException("[chat template] %s has no field chat_template".formatted(nameOrFile));
                }
                return chosen(templates, false, nameOrFile);
            }
            return new ChatTemplate(text, nameOrFile);
        } catch (TokenizerException e) {
            throw new ChatTemplateException(e.getMessage(), e);
        } catch (JsonException e) {
            throw new ChatTemplateException("[chat template] %s is not JSON: %s".formatted(nameOrFile, e.getMessage()), e);
        } catch (IOException e) {
            throw new ChatTemplateException("[chat template] %s cannot be read (%s): name a file that holds a Jinja template, or %s"
                    .formatted(nameOrFile, Reasons.of(e), ORION), e);
        }
    }

    /**
     * The template of a checkpoint for conversations without tools.
     *
     * @param directory the checkpoint's
     * @return the template, if there is one
     * @throws ChatTemplateException if a file cannot be read, or none of several templates is the one to take
     */
    public static Optional<ChatTemplate> read(Path directory) {
        return read(directory, false);
    }

    /**
     * The template of a checkpoint, as transformers chooses it: {@code chat_template.jinja} and those of {@code additional_chat_templates}, else what
     * {@code tokenizer_config.json} has; of several by name {@code tool_use} where there are tools, else {@code default}.
     *
     * @param directory the checkpoint's
     * @param tools whether the conversation has tools
     * @return the template, if there is one
     * @throws ChatTemplateException if a file cannot be read, or none of several templates is the one to take
     */
    public static Optional<ChatTemplate> read(Path directory, boolean tools) {
        try {
            SequencedMap<String, Named> templates = ChatTemplateFiles.read(directory);
            return templates.isEmpty() ? Optional.empty() : Optional.of(chosen(templates, tools, directory.toString()));
        } catch (TokenizerException e) {
            throw new ChatTemplateException(e.getMessage(), e);
        } catch (IOException e) {
            throw new ChatTemplateException("[chat template] the template in %s cannot be read: %s".formatted(directory, Reasons.of(e)), e);
        }
    }

    private static ChatTemplate chosen(Map<String, Named> templates, boolean tools, String where) {
        Named template = templates.get(tools && templates.containsKey(TOOLS) ? TOOLS : ChatTemplateFiles.DEFAULT);
        if (template == null) {
            throw new ChatTemplateException("[chat template] %s has the templates %s and none named %s: write the one to take to a file and name it"
                    .formatted(where, String.join(", ", templates.keySet()), ChatTemplateFiles.DEFAULT));
        }
        return new ChatTemplate(template.text(), template.where());
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
        return render(Map.of("messages", messages.stream().map(message -> {
            var turn = new LinkedHashMap<String, Object>();
            turn.put("role", message.role());
            turn.put("content", message.content());
            return turn;
        }).toList()), marks, LocalDateTime::now);
    }

    /**
     * The text of a conversation that is given as transformers takes it.
     *
     * @param variables {@code messages} as maps, and whatever else the template shall see: {@code tools}, {@code documents},
     *     {@code add_generation_prompt} (true unless given), ...; they go before marks of the same name
     * @param marks the texts of marks by their names, such as {@code eos_token}
     * @param clock what the template takes for now
     * @return the text
     * @throws ChatTemplateException if the template is wrong, needs what is not supported, or refuses the conversation
     */
    public String render(Map<String, ?> variables, Map<String, String> marks, Supplier<LocalDateTime> clock) {
        Map<String, Object> all = new HashMap<>();
        all.put("tools", null);
        all.put("documents", null);
        all.put("add_generation_prompt", true);
        all.putAll(marks);
        all.putAll(variables);
        try {
            return compiled().render(all, TemplateLimits.DEFAULT.plus(characters(all)), clock);
        } catch (TemplateException e) {
            throw new ChatTemplateException("[chat template] %s%s: %s".formatted(name, e.line() > 0 ? ", line " + e.line() : "", e.getMessage()), e);
        }
    }

    private synchronized Template compiled() {
        if (compiled == null) {
            compiled = Template.parse(source);
        }
        return compiled;
    }

    /** How much text values hold, for a long conversation may take more work. */
    private static long characters(Object value) {
        return switch (value) {
            case String text -> text.length();
            case List<?> list -> list.size() + list.stream().mapToLong(ChatTemplate::characters).sum();
            case Map<?, ?> map -> map.entrySet().stream().mapToLong(entry -> 1 + characters(entry.getKey()) + characters(entry.getValue())).sum();
            case null, default -> 1;
        };
    }
}
