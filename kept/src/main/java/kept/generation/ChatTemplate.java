package kept.generation;

import java.io.IOException;
import java.nio.file.Files;
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
 * A Jinja chat template, which formats a conversation as a chat model was trained on it. The output equals that of {@code apply_chat_template} of
 * transformers byte for byte ({@link kept.template}). Its variables are {@code messages}, {@code tools} and {@code documents} (none by default),
 * {@code add_generation_prompt}, and the special tokens by name ({@code bos_token}, ...).
 */
public final class ChatTemplate {
    /** Name of Orion-14B-Chat's template, which is built in. */
    public static final String ORION = "orion";

    private static final String ORION_SOURCE = "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
            + "{% if message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\\n\\nAssistant: ' + eos_token }}"
            + "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

    private static final String TOOLS = "tool_use";

    private final String name;
    private final String source;
    private Template compiled;

    /**
     * Creates a template.
     *
     * @param source its text
     * @param name its name, for messages
     */
    public ChatTemplate(String source, String name) {
        this.source = source;
        this.name = name;
    }

    /**
     * Returns the template of Orion-14B-Chat: {@code Human: } and {@code Assistant: } between bos and eos; it has no system role.
     *
     * @return the template
     */
    public static ChatTemplate orion() {
        return new ChatTemplate(ORION_SOURCE, ORION);
    }

    /**
     * Finds a template by the user's argument.
     *
     * @param nameOrFile {@link #ORION}, in any case unless there is a file of that name; a file that contains a template, or a JSON file with a
     *     field {@code chat_template}, such as tokenizer_config.json
     * @return the template
     * @throws ChatTemplateException if it is none of these
     */
    public static ChatTemplate named(String nameOrFile) {
        if (nameOrFile.equals(ORION)) {
            return orion();
        }
        try {
            if (nameOrFile.equalsIgnoreCase(ORION) && !Files.exists(Path.of(nameOrFile))) {
                return orion();
            }
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
     * Reads the template of a checkpoint for conversations without tools.
     *
     * @param directory the checkpoint's
     * @return the template, if the checkpoint has one
     * @throws ChatTemplateException if a file cannot be read, or there are several templates and none is the default
     */
    public static Optional<ChatTemplate> read(Path directory) {
        return read(directory, false);
    }

    /**
     * Reads the template of a checkpoint that transformers would choose: from {@code chat_template.jinja} and {@code additional_chat_templates}, or
     * else {@code tokenizer_config.json}; among several, {@code tool_use} for conversations with tools, else {@code default}.
     *
     * @param directory the checkpoint's
     * @param tools whether the conversation has tools
     * @return the template, if the checkpoint has one
     * @throws ChatTemplateException if a file cannot be read, or there are several templates and none is the default
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
     * The source text of the template.
     *
     * @return its text
     */
    public String source() {
        return source;
    }

    /**
     * Its name in messages.
     *
     * @return its file, or the name of a built-in template
     */
    public String name() {
        return name;
    }

    /**
     * Renders a conversation, followed by the prompt for the model's answer.
     *
     * @param messages the messages so far
     * @param specialTokens the texts of special tokens by name, such as {@code eos_token}
     * @return the text
     * @throws ChatTemplateException if the template is invalid, uses an unsupported feature, or rejects the conversation
     */
    public String render(List<ChatMessage> messages, Map<String, String> specialTokens) {
        return render(Map.of("messages", messages.stream().map(message -> {
            var turn = new LinkedHashMap<String, Object>();
            turn.put("role", message.role());
            turn.put("content", message.content());
            return turn;
        }).toList()), specialTokens, LocalDateTime::now);
    }

    /**
     * Renders a conversation given as the variables of transformers' {@code apply_chat_template}.
     *
     * @param variables {@code messages} as maps, and optionally {@code tools}, {@code documents}, {@code add_generation_prompt} (default true) and
     *     others; they take precedence over special tokens of the same name
     * @param specialTokens the texts of special tokens by name, such as {@code eos_token}
     * @param clock the current time for the template
     * @return the text
     * @throws ChatTemplateException if the template is invalid, uses an unsupported feature, or rejects the conversation
     */
    public String render(Map<String, ?> variables, Map<String, String> specialTokens, Supplier<LocalDateTime> clock) {
        Map<String, Object> all = new HashMap<>();
        all.put("tools", null);
        all.put("documents", null);
        all.put("add_generation_prompt", true);
        all.putAll(specialTokens);
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

    /** Total characters of all text values; the limits grow with them, because a long conversation needs more work. */
    private static long characters(Object value) {
        return switch (value) {
            case String text -> text.length();
            case List<?> list -> list.size() + list.stream().mapToLong(ChatTemplate::characters).sum();
            case Map<?, ?> map -> map.entrySet().stream().mapToLong(entry -> 1 + characters(entry.getKey()) + characters(entry.getValue())).sum();
            case null, default -> 1;
        };
    }
}
