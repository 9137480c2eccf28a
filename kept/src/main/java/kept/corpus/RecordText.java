package kept.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.VisibleText;

/**
 * The text or the conversation of a record: of a line of JSON, an element of an array, or a row of a table. The named field holds a text, or a
 * list of messages; a record that does not have it may have a conversation in one of {@link ConversationRecord#FIELDS}.
 */
final class RecordText {
    private static final int FIELDS_SHOWN = 20;
    private static final int NAME_SHOWN = 60;

    private final String field;

    RecordText(String field) {
        this.field = field;
    }

    /**
     * Reads a JSON object.
     *
     * @param json its text
     * @param name the name of the document
     * @param place of the object, for messages
     * @return the document; empty if its text is null or white space, or it has no messages
     * @throws CorpusException if it is no such object
     */
    Optional<Document> ofJson(String json, String name, String place) {
        JsonNode record;
        try {
            record = Json.parseRecord(json);
        } catch (JsonException e) {
            throw new CorpusException("%s is not JSON: %s".formatted(place, e.withinLine()), e);
        }
        if (!(record instanceof ObjectNode object)) {
            throw new CorpusException("%s is not a JSON object: each record must be one, with the text in field \"%s\"".formatted(place, field));
        }
        if (object.path(field).isTextual()) {
            return ofText(object.path(field).textValue(), name, place);
        }
        return ofRecord(Json.toMap(object), name, place);
    }

    /**
     * Reads a record.
     *
     * @param record texts, numbers, truth values, nulls, lists and maps by field
     * @param name the name of the document
     * @param place of the record, for messages
     * @return the document; empty if its text is null or white space, or it has no messages
     * @throws CorpusException if it has neither a text nor a conversation
     */
    Optional<Document> ofRecord(Map<String, ?> record, String name, String place) {
        String found = field(record.keySet()).orElseThrow(() -> missing(record.keySet(), place));
        return switch (record.get(found)) {
            case null -> Optional.empty();
            case String text -> ofText(text, name, place);
            case List<?> messages when messages.stream().noneMatch(String.class::isInstance) ->
                ConversationRecord.read(record, found, place).map(conversation -> new Document(name, "", Optional.of(conversation)));
            case Object other -> throw new CorpusException("%s has no text in field \"%s\" but %s: %s".formatted(place, found, kind(other),
                    VisibleText.shortened(Json.write(other), NAME_SHOWN)));
        };
    }

    /** The field of a record that is read. */
    Optional<String> field(Collection<String> fields) {
        return fields.contains(field) ? Optional.of(field) : ConversationRecord.FIELDS.stream().filter(fields::contains).findFirst();
    }

    /** An error that says which fields there are. */
    CorpusException missing(Collection<String> fields, String place) {
        List<String> shown = fields.stream().limit(FIELDS_SHOWN).map(name -> VisibleText.shortened(name, NAME_SHOWN)).toList();
        return new CorpusException("%s has no field \"%s\"; its fields are %s; --text-field (of --calibration: --calibration-field) names another"
                .formatted(place, field, shown));
    }

    private Optional<Document> ofText(String text, String name, String place) {
        requireCharacters(text, place, field);
        return text.isBlank() ? Optional.empty() : Optional.of(new Document(name, text));
    }

    /** JSON's escapes can represent half of a surrogate pair, which is not a character. */
    static void requireCharacters(String text, String place, String field) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else {
                throw new CorpusException("%s has half of a surrogate pair in field \"%s\", \\u%04x, which is no character"
                        .formatted(place, field, (int) c));
            }
        }
    }

    private static String kind(Object value) {
        return switch (value) {
            case Number _ -> "a number";
            case Boolean _ -> "a truth value";
            case List<?> _ -> "a list";
            case Map<?, ?> _ -> "an object";
            default -> "another value";
        };
    }
}
