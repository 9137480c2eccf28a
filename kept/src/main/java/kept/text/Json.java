package kept.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reads JSON strictly. A text is one value surrounded by white space; keys of an object are unique; nesting is limited to 1,000 levels and numbers to
 * 1,000 characters; strings have any length. Errors state line and column.
 *
 * <p>Records of text files, which Python often writes, may contain {@code NaN}, {@code Infinity} and {@code -Infinity}; other files may not.
 */
public final class Json {
    private static final int DEEPEST = 1000;
    private static final int MAX_NUMBER_LENGTH = 1000;
    private static final int SHOWN = 40;
    private static final JsonFactory STRICT = factory(false);
    private static final JsonFactory PYTHON = factory(true);
    private static final ObjectMapper WRITER = new ObjectMapper();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final String text;
    private final JsonParser parser;

    private Json(String text, JsonParser parser) {
        this.text = text;
        this.parser = parser;
    }

    private static JsonFactory factory(boolean python) {
        // Depth is checked in this class, and callers limit the length of the input.
        var constraints = StreamReadConstraints.builder().maxNestingDepth(DEEPEST + 1).maxNumberLength(MAX_NUMBER_LENGTH)
                .maxStringLength(Integer.MAX_VALUE).maxNameLength(Integer.MAX_VALUE).build();
        return JsonFactory.builder().streamReadConstraints(constraints)
                // Names come from untrusted files; interning all of them would fill memory.
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES).disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                .configure(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS, python).build();
    }

    /**
     * Parses a text.
     *
     * @param text one JSON value
     * @return the value
     * @throws JsonException if it is not valid JSON
     */
    public static JsonNode parse(String text) throws JsonException {
        return parse(text, STRICT);
    }

    /**
     * Parses a record of a text file, in which numbers may be {@code NaN} or infinite, as Python writes them.
     *
     * @param text one JSON value
     * @return the value
     * @throws JsonException if it is not valid JSON
     */
    public static JsonNode parseRecord(String text) throws JsonException {
        return parse(text, PYTHON);
    }

    /**
     * Reads a UTF-8 file, with or without byte order mark, up to {@link TextFiles#MAX_BYTES} bytes.
     *
     * @param file the file
     * @return its value
     * @throws JsonException if it is not one JSON value
     * @throws IOException if it cannot be read or is not UTF-8; {@link Reasons} describes the reason
     */
    public static JsonNode read(Path file) throws IOException {
        return parse(TextFiles.read(file));
    }

    /**
     * Writes a value on one line.
     *
     * @param value strings, numbers, booleans, null, and lists and maps of these, or a JSON tree
     * @return the JSON; NaN and infinity become strings
     */
    public static String write(Object value) {
        try {
            return WRITER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("[json] a value that JSON cannot hold", e);
        }
    }

    /**
     * Converts an object to Java values.
     *
     * @param object the object
     * @return strings, numbers, booleans, nulls, lists and maps by key, in the object's order
     */
    public static Map<String, Object> toMap(ObjectNode object) {
        return WRITER.convertValue(object, new TypeReference<LinkedHashMap<String, Object>>() { });
    }

    /**
     * Converts a value to Java's.
     *
     * @param value any JSON value
     * @return a string, number, boolean, list or map of these; null for JSON's null
     */
    public static Object toValue(JsonNode value) {
        return WRITER.convertValue(value, Object.class);
    }

    private static JsonNode parse(String text, JsonFactory factory) throws JsonException {
        if (text.isBlank()) {
            throw new JsonException(text.isEmpty() ? "it is empty" : "it holds nothing but white space", 0, 0, null);
        }
        try (JsonParser parser = factory.createParser(text)) {
            return new Json(text, parser).whole();
        } catch (JsonException e) {
            throw e;
        } catch (IOException e) {
            throw new JsonException("it cannot be read", 0, 0, e);
        }
    }

    private JsonNode whole() throws JsonException {
        JsonToken first = next();
        JsonNode value = value(first, 0);
        if (next() != null) {
            throw error("more follows after the end of the value: %s; a file, or a line of a .jsonl file, holds one value"
                    .formatted(after(parser.currentTokenLocation())), parser.currentTokenLocation(), null);
        }
        return value;
    }

    private JsonNode value(JsonToken token, int depth) throws JsonException {
        if (depth == DEEPEST && token.isStructStart()) {
            throw error("nested more than %,d deep".formatted(DEEPEST), parser.currentTokenLocation(), null);
        }
        return switch (token) {
            case START_OBJECT -> object(depth);
            case START_ARRAY -> {
                ArrayNode array = NODES.arrayNode();
                for (JsonToken item = next(); item != JsonToken.END_ARRAY; item = next()) {
                    array.add(value(item, depth + 1));
                }
                yield array;
            }
            default -> scalar(token);
        };
    }

    private ObjectNode object(int depth) throws JsonException {
        ObjectNode object = NODES.objectNode();
        while (next() != JsonToken.END_OBJECT) {
            JsonLocation place = parser.currentTokenLocation();
            String name = name();
            if (object.replace(name, value(next(), depth + 1)) != null) {
                throw error("the key \"%s\" occurs twice in one object".formatted(VisibleText.shortened(name, SHOWN)), place, null);
            }
        }
        return object;
    }

    private JsonNode scalar(JsonToken token) throws JsonException {
        try {
            return switch (token) {
                case VALUE_STRING -> NODES.textNode(parser.getText());
                case VALUE_NUMBER_INT -> switch (parser.getNumberType()) {
                    case INT -> NODES.numberNode(parser.getIntValue());
                    case LONG -> NODES.numberNode(parser.getLongValue());
                    default -> NODES.numberNode(parser.getBigIntegerValue());
                };
                case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDoubleValue());
                case VALUE_TRUE -> NODES.booleanNode(true);
                case VALUE_FALSE -> NODES.booleanNode(false);
                case VALUE_NULL -> NODES.nullNode();
                default -> throw new IllegalStateException("no value begins with " + token);
            };
        } catch (IOException e) {
            throw translated(e);
        }
    }

    private String name() throws JsonException {
        try {
            return parser.currentName();
        } catch (IOException e) {
            throw translated(e);
        }
    }

    private JsonToken next() throws JsonException {
        try {
            return parser.nextToken();
        } catch (IOException e) {
            throw translated(e);
        }
    }

    private JsonException translated(IOException cause) {
        JsonLocation place = cause instanceof JsonProcessingException json && json.getLocation() != null
                ? json.getLocation() : parser.currentLocation();
        return switch (cause) {
            case JsonEOFException _ -> error("it ends in the middle of a value", place, cause);
            case StreamConstraintsException limit -> error(limit.getMessage().contains("depth") ? "nested more than %,d deep".formatted(DEEPEST)
                    : "it has a number of more than %,d characters".formatted(MAX_NUMBER_LENGTH), place, cause);
            default -> error("not JSON near %s".formatted(around(place)), place, cause);
        };
    }

    private static JsonException error(String problem, JsonLocation place, Throwable cause) {
        return new JsonException(problem, place.getLineNr(), place.getColumnNr(), cause);
    }

    /** The text at and after an error, to help to locate it. */
    private String after(JsonLocation place) {
        return quoted(Math.clamp(place.getCharOffset(), 0, text.length()), 0, SHOWN);
    }

    /** The text around an error: the parser reports an invalid word after it has read it. */
    private String around(JsonLocation place) {
        return quoted(Math.clamp(place.getCharOffset(), 0, text.length()), SHOWN / 2, SHOWN / 2);
    }

    private String quoted(int at, int before, int after) {
        int from = at;
        while (from > 0 && at - from < before && text.charAt(from - 1) != '\n') {
            from--;
        }
        int to = at;
        while (to < text.length() && to - at < after && text.charAt(to) != '\n') {
            to++;
        }
        return VisibleText.quoted(text.substring(from, to));
    }
}
