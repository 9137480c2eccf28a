package kept.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.VisibleText;

/**
 * A file with one JSON object a line, each a document: the text of one of its fields. Empty lines are skipped; records whose text is null or white
 * space are skipped and counted.
 */
final class JsonLinesReader implements DocumentReader {
    /** The maximum length of a line in bytes: a longer one is not a single text, and memory must hold it several times. */
    private static final int MAX_LINE_LENGTH = 1 << 26;
    private static final int FIELDS_SHOWN = 20;
    private static final int NAME_SHOWN = 60;

    private final ByteSource source;
    private final String name;
    private final String field;
    private long line;
    private long empty;

    JsonLinesReader(ByteSource source, String name, String field) {
        this.source = source;
        this.name = name;
        this.field = field;
    }

    @Override
    public Document next() {
        while (true) {
            long start = source.offset();
            if (!source.nextLine(MAX_LINE_LENGTH)) {
                if (source.lineLength() < 0) {
                    line++;
                    throw new CorpusException("%s is longer than %,d bytes, which no record may be: is there a line break after each record?"
                            .formatted(place(start), MAX_LINE_LENGTH));
                }
                return null;
            }
            line++;
            String json = source.line(start);
            if (json.isBlank()) {
                source.countBlank(json.length() + 1L);
                continue;
            }
            source.countBlank(0);
            String text = text(json, start);
            if (!text.isBlank()) {
                return new Document(name + '#' + line, text);
            }
            empty++;
        }
    }

    private String place(long start) {
        return "[corpus] %s, line %d (byte %d)".formatted(source.where(), line, start);
    }

    private String text(String json, long start) {
        JsonNode record;
        try {
            record = Json.parseRecord(json);
        } catch (JsonException e) {
            throw new CorpusException("%s is not JSON: %s".formatted(place(start), e.withinLine()), e);
        }
        if (!record.isObject()) {
            throw new CorpusException("%s is not a JSON object: each line must be one, with the text in field \"%s\"".formatted(place(start), field));
        }
        JsonNode text = record.path(field);
        if (text.isMissingNode()) {
            throw new CorpusException("%s has no field \"%s\"; its fields are %s; --field (of --calibration: --calibration-field) names another"
                    .formatted(place(start), field, fields(record)));
        }
        if (text.isNull()) {
            return "";
        }
        if (!text.isTextual()) {
            throw new CorpusException("%s has no text in field \"%s\" but %s: %s".formatted(place(start), field, kind(text),
                    VisibleText.shortened(text.toString(), NAME_SHOWN)));
        }
        requireCharacters(text.textValue(), start);
        return text.textValue();
    }

    /** JSON's escapes can represent half of a surrogate pair, which is not a character. */
    private void requireCharacters(String text, long start) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else {
                throw new CorpusException("%s has half of a surrogate pair in field \"%s\", \\u%04x, which is no character"
                        .formatted(place(start), field, (int) c));
            }
        }
    }

    private static List<String> fields(JsonNode record) {
        return record.properties().stream().limit(FIELDS_SHOWN).map(entry -> VisibleText.shortened(entry.getKey(), NAME_SHOWN)).toList();
    }

    private static String kind(JsonNode value) {
        return switch (value.getNodeType()) {
            case NUMBER -> "a number";
            case BOOLEAN -> "a truth value";
            case ARRAY -> "a list";
            default -> "an object";
        };
    }

    @Override
    public TextExtent extent() {
        return TextExtent.ofFile(source.position(0), empty);
    }

    @Override
    public void close() {
        source.close();
    }
}
