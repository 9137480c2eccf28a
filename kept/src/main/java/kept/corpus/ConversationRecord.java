package kept.corpus;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import kept.corpus.Document.Conversation;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.VisibleText;

/**
 * A record that holds a conversation, in one of two forms: a list of objects with {@code role} and {@code content}, as chat templates take them, or
 * ShareGPT's, with {@code from} and {@code value}. The content of a message is a text, a list of parts that are texts, or null if the message calls
 * tools. {@code tools} of the record go to the template; so does {@code system} of a ShareGPT record, as the first message.
 */
final class ConversationRecord {
    /** The fields that hold a conversation if a record has no text. */
    static final List<String> FIELDS = List.of("messages", "conversations");

    private static final String ROLE = Conversation.ROLE;
    private static final String CONTENT = Conversation.CONTENT;
    private static final String FROM = "from";
    private static final String VALUE = "value";
    private static final String SYSTEM = "system";
    private static final String TOOL_CALLS = "tool_calls";
    private static final String TOOLS = "tools";
    private static final int SHOWN = 60;
    /** ShareGPT's names of roles. */
    private static final Map<String, String> ROLES = Map.of("human", "user", "user", "user", "gpt", "assistant", "chatgpt", "assistant",
            "bard", "assistant", "bing", "assistant", "assistant", "assistant", SYSTEM, SYSTEM, "tool", "tool", "observation", "tool");

    private final String place;
    private final String field;

    private ConversationRecord(String place, String field) {
        this.place = place;
        this.field = field;
    }

    /**
     * Reads a conversation.
     *
     * @param record all of the record
     * @param field the field with the list of messages
     * @param place of the record, for messages
     * @return the conversation; empty if the list is
     * @throws CorpusException if it is none
     */
    static Optional<Conversation> read(Map<String, ?> record, String field, String place) {
        return new ConversationRecord(place, field).read(record);
    }

    private Optional<Conversation> read(Map<String, ?> record) {
        List<?> list = (List<?>) record.get(field);
        if (list.isEmpty()) {
            return Optional.empty();
        }
        List<Map<String, Object>> messages = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            messages.add(message(list.get(i), i + 1));
        }
        if (record.get(SYSTEM) instanceof String system && !system.isBlank() && !messages.getFirst().get(ROLE).equals(SYSTEM)) {
            messages.addFirst(new LinkedHashMap<>(Map.of(ROLE, SYSTEM, CONTENT, system)));
        }
        return Optional.of(new Conversation(place, messages, Optional.ofNullable(tools(record.get(TOOLS)))));
    }

    /** Tables often hold tools as the text of JSON. */
    private Object tools(Object given) {
        if (!(given instanceof String text)) {
            return given;
        }
        try {
            return text.isBlank() ? null : Json.toValue(Json.parseRecord(text));
        } catch (JsonException e) {
            throw new CorpusException("%s: the text in field \"%s\" is not JSON".formatted(place, TOOLS), e);
        }
    }

    private Map<String, Object> message(Object item, int number) {
        if (!(item instanceof Map<?, ?> given)) {
            throw error(number, "is no object with \"%s\" and \"%s\" but %s".formatted(ROLE, CONTENT, shown(item)));
        }
        Map<String, Object> message = new LinkedHashMap<>();
        // Columns that a record does not use are null in Parquet; a template would take them for present.
        given.forEach((key, value) -> {
            if (value != null || key.equals(CONTENT)) {
                message.put((String) key, value);
            }
        });
        if (!message.containsKey(ROLE) && message.containsKey(FROM)) {
            takeUpShareGpt(message, number);
        }
        if (!(message.get(ROLE) instanceof String role) || role.isBlank()) {
            throw error(number, "has no \"%s\": each message needs one, such as user or assistant (in ShareGPT's form \"%s\" and \"%s\"); it has %s"
                    .formatted(ROLE, FROM, VALUE, shown(message.keySet())));
        }
        Object content = message.get(CONTENT);
        if (content == null && !message.containsKey(TOOL_CALLS)) {
            throw error(number, "(%s) has no \"%s\"".formatted(VisibleText.shortened(role, SHOWN), CONTENT));
        }
        if (content instanceof List<?> parts) {
            message.put(CONTENT, joined(parts, number));
        } else if (content != null && !(content instanceof String)) {
            throw error(number, "has no text as \"%s\" but %s".formatted(CONTENT, shown(content)));
        }
        if (message.get(CONTENT) instanceof String text) {
            RecordText.requireCharacters(text, place, field);
        }
        return message;
    }

    private void takeUpShareGpt(Map<String, Object> message, int number) {
        Object from = message.remove(FROM);
        String role = from instanceof String name ? ROLES.get(name) : null;
        if (role == null) {
            throw error(number, "is from %s, which is none of ShareGPT's human, gpt, system and tool: convert it to \"%s\" and \"%s\""
                    .formatted(shown(from), ROLE, CONTENT));
        }
        message.put(ROLE, role);
        if (message.containsKey(VALUE)) {
            message.put(CONTENT, message.remove(VALUE));
        }
    }

    /** The text of a content in parts, as several interfaces write it. */
    private String joined(List<?> parts, int number) {
        var text = new StringBuilder();
        for (Object part : parts) {
            if (!(part instanceof Map<?, ?> map) || !(map.get("text") instanceof String words)) {
                throw error(number, "has a part that is no text: %s; images and sounds are not supported".formatted(shown(part)));
            }
            text.append(words);
        }
        return text.toString();
    }

    private CorpusException error(int number, String problem) {
        return new CorpusException("%s: message %d of \"%s\" %s".formatted(place, number, field, problem));
    }

    private static String shown(Object value) {
        return VisibleText.shortened(Objects.toString(value), SHOWN);
    }
}
