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
 * A JSON object read strictly from a file: by the rules of {@link Json}, and with every value checked for the requested type. Errors name the file
 * and the key. Null values count as absent unless stated otherwise.
 */
public final class JsonObject {
    private static final String BEYOND = "is out of range of 64-bit floating point";

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
     * Reads a file that contains one object.
     *
     * @param operation the prefix of error messages, as in {@code config}
     * @param file the file
     * @return the object
     * @throws FileException if the file cannot be read or is not a JSON object
     */
    public static JsonObject read(String operation, Path file) {
        try {
            byte[] bytes = InputFiles.bytes(operation, file, TextFiles.MAX_BYTES);
            MistakenFile.kind(bytes, bytes.length).ifPresent(kind -> {
                throw new FileException(operation, file, kind);
            });
            if (Json.parse(TextFiles.decode(bytes)) instanceof ObjectNode object) {
                return new JsonObject(operation, file, "", object);
            }
            throw new FileException(operation, file, "is not a JSON object");
        } catch (JsonException e) {
            throw new FileException(operation, file, "is not valid JSON: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new FileException(operation, file, "cannot be read: " + Reasons.of(e), e);
        }
    }

    /**
     * The file this object was read from.
     *
     * @return its path
     */
    public Path file() {
        return file;
    }

    /**
     * The keys, including those with null values.
     *
     * @return the keys in file order
     */
    public Set<String> keys() {
        var keys = new LinkedHashSet<String>();
        node.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    /**
     * Whether a key has a non-null value.
     *
     * @param key the key
     * @return true if it is present and not null
     */
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /**
     * Whether a key is present with the value null.
     *
     * @param key the key
     * @return true if so
     */
    public boolean isNull(String key) {
        return node.has(key) && node.get(key).isNull();
    }

    /**
     * Returns a string.
     *
     * @param key its key
     * @return the string
     * @throws FileException if it is absent or not a string
     */
    public String string(String key) {
        JsonNode value = required(key);
        if (!value.isTextual()) {
            throw wrongType(key, "a string", value);
        }
        return value.textValue();
    }

    /**
     * Returns a string or a default.
     *
     * @param key its key
     * @param fallback the default if it is absent
     * @return the string
     * @throws FileException if it is present and not a string
     */
    public String string(String key, String fallback) {
        return has(key) ? string(key) : fallback;
    }

    /**
     * Returns an integer.
     *
     * @param key its key
     * @return the number
     * @throws FileException if it is absent, not an integer, or exceeds 32 bits
     */
    public int integer(String key) {
        return toInt(key, required(key));
    }

    /**
     * Returns an integer or a default.
     *
     * @param key its key
     * @param fallback the default if it is absent
     * @return the number
     * @throws FileException if it is present and not an integer, or exceeds 32 bits
     */
    public int integer(String key, int fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /**
     * Returns one integer or a list of integers.
     *
     * @param key the key
     * @return the numbers; empty if the key is absent
     * @throws FileException if it is anything else
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
     * Returns a number.
     *
     * @param key its key
     * @return the number
     * @throws FileException if it is absent, not a number, or out of range of a double
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
     * Returns a number or a default.
     *
     * @param key its key
     * @param fallback the default if it is absent
     * @return the number
     * @throws FileException if it is present and not a number
     */
    public double number(String key, double fallback) {
        return has(key) ? number(key) : fallback;
    }

    /**
     * Returns a list of numbers.
     *
     * @param key its key
     * @return the numbers
     * @throws FileException if it is absent or anything else, or a number is out of range of a double
     */
    public List<Double> numbers(String key) {
        JsonNode value = required(key);
        if (!value.isArray()) {
            throw wrongType(key, "a list of numbers", value);
        }
        var numbers = new ArrayList<Double>();
        for (JsonNode item : value) {
            if (!item.isNumber()) {
                throw wrongType(key, "a list of numbers", value);
            }
            if (!Double.isFinite(item.doubleValue())) {
                throw error(key, BEYOND);
            }
            numbers.add(item.doubleValue());
        }
        return List.copyOf(numbers);
    }

    /**
     * Returns a boolean or a default.
     *
     * @param key its key
     * @param fallback the default if it is absent
     * @return the value
     * @throws FileException if it is present and neither true nor false
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
     * Returns a list of strings.
     *
     * @param key its key
     * @return the strings; empty if the key is absent
     * @throws FileException if it is present and anything else
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
     * Returns a nested object.
     *
     * @param key its key
     * @return the object
     * @throws FileException if it is absent or not an object
     */
    public JsonObject object(String key) {
        JsonNode value = required(key);
        if (!(value instanceof ObjectNode object)) {
            throw wrongType(key, "an object", value);
        }
        return new JsonObject(operation, file, prefix + key + ".", object);
    }

    /**
     * Returns all keys and values.
     *
     * @return strings, numbers, booleans, nulls, lists and maps by key, in file order
     */
    public Map<String, Object> toMap() {
        return Json.toMap(node);
    }

    /**
     * Creates an error about one key.
     *
     * @param key the key
     * @param problem what is wrong with its value, and what to do about it
     * @return the exception, whose message names the file and the key
     */
    public FileException error(String key, String problem) {
        return new FileException(operation, file, "%s%s %s".formatted(prefix, FileException.shorten(key), problem));
    }

    private JsonNode required(String key) {
        if (!has(key)) {
            throw error(key, "is missing");
        }
        return node.get(key);
    }

    private int toInt(String key, JsonNode value) {
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrongType(key, "an integer of at most 32 bits", value);
        }
        return value.intValue();
    }

    private FileException wrongType(String key, String expected, JsonNode value) {
        if (value.isNumber() && !Double.isFinite(value.doubleValue())) {
            return error(key, BEYOND);
        }
        return error(key, "must be %s, not %s".formatted(expected, FileException.shorten(value.toString())));
    }
}
