package kept.io;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.text.Json;
import kept.text.JsonException;
import kept.text.Reasons;
import kept.text.TextFiles;

/**
 * A JSON object from a file, read strictly: by the rules of {@link Json}, and every value of the type it is asked as. Errors name the file and the
 * key. A key whose value is null counts as absent unless said otherwise.
 */
public final class JsonObject {
    private static final String BEYOND = "is beyond the range of 64-bit floating point";

    private final String operation;
    private final Path file;
    private final String prefix;
    private final ObjectNode node;

    private JsonObject(String operation, Path file, String prefix, ObjectNode node) {
        this.operation = operation;
        this.file = file;
        this.prefix = prefix;
        this.node = node;
    }

    /**
     * Reads a file that holds one object.
     *
     * @param operation the name that error messages start with, as in {@code config}
     * @param file the file
     * @return the object
     * @throws CheckpointException if the file cannot be read, or is not one JSON object
     */
    public static JsonObject read(String operation, Path file) {
        try {
            byte[] bytes = InputFiles.bytes(operation, file, TextFiles.LARGEST);
            MistakenFile.kind(bytes, bytes.length).ifPresent(kind -> {
                throw new CheckpointException(operation, file, kind);
            });
            if (Json.parse(TextFiles.decode(bytes)) instanceof ObjectNode object) {
                return new JsonObject(operation, file, "", object);
            }
            throw new CheckpointException(operation, file, "is not a JSON object");
        } catch (JsonException e) {
            throw new CheckpointException(operation, file, "is not valid JSON: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new CheckpointException(operation, file, "cannot be read: " + Reasons.of(e), e);
        }
    }

    /**
     * The file this object comes from.
     *
     * @return its path
     */
    public Path file() {
        return file;
    }

    /**
     * The keys, those with null values included.
     *
     * @return the keys in the file's order
     */
    public Set<String> keys() {
        var keys = new LinkedHashSet<String>();
        node.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    /**
     * Whether a key has a value.
     *
     * @param key the key
     * @return true if it is there and not null
     */
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /**
     * Whether a key is there with the value null.
     *
     * @param key the key
     * @return true if so
     */
    public boolean isNull(String key) {
        return node.has(key) && node.get(key).isNull();
    }

    /**
     * A string.
     *
     * @param key its key
     * @return the string
     * @throws CheckpointException if it is absent or no string
     */
    public String string(String key) {
        JsonNode value = required(key);
        if (!value.isTextual()) {
            throw wrongType(key, "a string", value);
        }
        return value.textValue();
    }

    /**
     * A string that may be absent.
     *
     * @param key its key
     * @param fallback what to return if it is absent
     * @return the string
     * @throws CheckpointException if it is there and no string
     */
    public String string(String key, String fallback) {
        return has(key) ? string(key) : fallback;
    }

    /**
     * A whole number.
     *
     * @param key its key
     * @return the number
     * @throws CheckpointException if it is absent, not whole, or exceeds 32 bits
     */
    public int integer(String key) {
        return toInt(key, required(key));
    }

    /**
     * A whole number that may be absent.
     *
     * @param key its key
     * @param fallback what to return if it is absent
     * @return the number
     * @throws CheckpointException if it is there and not whole, or exceeds 32 bits
     */
    public int integer(String key, int fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /**
     * One whole number or a list of them.
     *
     * @param key the key
     * @return the numbers; empty if the key is absent
     * @throws CheckpointException if it is anything else
     */
    public List<Integer> integers(String key) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = node.get(key);
        if (!value.isArray()) {
            return List.of(toInt(key, value));
        }
        var numbers = new ArrayList<Integer>();
        value.forEach(item -> numbers.add(toInt(key, item)));
        return List.copyOf(numbers);
    }

    /**
     * A number.
     *
     * @param key its key
     * @return the number
     * @throws CheckpointException if it is absent, no number, or beyond the range of a double
     */
    public double number(String key) {
        JsonNode value = required(key);
        if (!value.isNumber()) {
            throw wrongType(key, "a number", value);
        }
        if (!Double.isFinite(value.doubleValue())) {
            throw error(key, BEYOND);
        }
        return value.doubleValue();
    }

    /**
     * A number that may be absent.
     *
     * @param key its key
     * @param fallback what to return if it is absent
     * @return the number
     * @throws CheckpointException if it is there and no number
     */
    public double number(String key, double fallback) {
        return has(key) ? number(key) : fallback;
    }

    /**
     * A truth value that may be absent.
     *
     * @param key its key
     * @param fallback what to return if it is absent
     * @return the value
     * @throws CheckpointException if it is there and neither true nor false
     */
    public boolean flag(String key, boolean fallback) {
        if (!has(key)) {
            return fallback;
        }
        JsonNode value = node.get(key);
        if (!value.isBoolean()) {
            throw wrongType(key, "true or false", value);
        }
        return value.booleanValue();
    }

    /**
     * A list of strings.
     *
     * @param key its key
     * @return the strings; empty if the key is absent
     * @throws CheckpointException if it is there and anything else
     */
    public List<String> strings(String key) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = node.get(key);
        var strings = new ArrayList<String>();
        value.forEach(item -> strings.add(item.textValue()));
        if (!value.isArray() || strings.contains(null)) {
            throw wrongType(key, "a list of strings", value);
        }
        return List.copyOf(strings);
    }

    /**
     * An object within this one.
     *
     * @param key its key
     * @return the object
     * @throws CheckpointException if it is absent or no object
     */
    public JsonObject object(String key) {
        JsonNode value = required(key);
        if (!(value instanceof ObjectNode object)) {
            throw wrongType(key, "an object", value);
        }
        return new JsonObject(operation, file, prefix + key + ".", object);
    }

    /**
     * All of it, to be written elsewhere.
     *
     * @return strings, numbers, booleans, nulls, lists and maps by their keys, in the file's order
     */
    public Map<String, Object> toMap() {
        return Json.toMap(node);
    }

    /**
     * An error about one key, to throw.
     *
     * @param key the key
     * @param problem what is wrong with its value, and what to do about it
     * @return the exception, its message naming the file and the key
     */
    public CheckpointException error(String key, String problem) {
        return new CheckpointException(operation, file, "%s%s %s".formatted(prefix, CheckpointException.shorten(key), problem));
    }

    private JsonNode required(String key) {
        if (!has(key)) {
            throw error(key, "is missing");
        }
        return node.get(key);
    }

    private int toInt(String key, JsonNode value) {
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrongType(key, "a whole number of at most 32 bits", value);
        }
        return value.intValue();
    }

    private CheckpointException wrongType(String key, String expected, JsonNode value) {
        if (value.isNumber() && !Double.isFinite(value.doubleValue())) {
            return error(key, BEYOND);
        }
        return error(key, "must be %s, not %s".formatted(expected, CheckpointException.shorten(value.toString())));
    }
}
