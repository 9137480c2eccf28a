package kept.run;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.tensor.Device;
import kept.text.Json;
import kept.text.JsonException;

/**
 * How a result was made, for report.json: numbers are numbers, and the parts of a setting such as {@code learning rate, peak} are in an object of the
 * setting's name.
 */
final class Provenance {
    private static final String PART = ", ";

    private final SequencedMap<String, Object> facts = new LinkedHashMap<>();

    /**
     * Begins with what a run is by itself.
     *
     * @param command the command line; empty if there is none
     * @param device the device
     * @param ranks the number of processes
     */
    Provenance(String command, Device device, int ranks) {
        if (!command.isEmpty()) {
            facts.put("command", command);
        }
        facts.put("version", SoftwareVersion.text());
        facts.put("java", "%s, %s".formatted(Runtime.version(), System.getProperty("java.vendor")));
        facts.put("system", "%s %s".formatted(System.getProperty("os.name"), System.getProperty("os.arch")));
        facts.put("device", device.backend().arithmetic());
        facts.put("ranks", ranks);
    }

    /** Adds a fact: a text, a number, or an object. */
    Provenance put(String name, Object value) {
        facts.put(name, value);
        return this;
    }

    /** Adds a part of a fact. */
    Provenance put(String name, String part, Object value) {
        object(name).put(part, value);
        return this;
    }

    /** Adds settings whose values are those of numbers, truth values and names, as {@link SavedSettings} writes them. */
    Provenance putAll(Map<String, String> settings) {
        settings.forEach((name, value) -> {
            int end = name.indexOf(PART);
            if (end < 0) {
                facts.put(name, typed(value));
            } else {
                object(name.substring(0, end)).put(name.substring(end + PART.length()), typed(value));
            }
        });
        return this;
    }

    /** The object of a name; a value that was there before its parts is its kind. */
    @SuppressWarnings("unchecked")
    private Map<String, Object> object(String name) {
        Object found = facts.get(name);
        if (found instanceof Map<?, ?> object) {
            return (Map<String, Object>) object;
        }
        Map<String, Object> object = new LinkedHashMap<>();
        if (found != null) {
            object.put("kind", found);
        }
        facts.put(name, object);
        return object;
    }

    private static Object typed(String value) {
        try {
            JsonNode node = Json.parse(value);
            return node.isArray() || node.isNumber() || node.isBoolean() ? Json.toValue(node) : value;
        } catch (JsonException e) {
            // A name.
            return value;
        }
    }

    /** All facts, in order. */
    SequencedMap<String, Object> facts() {
        return facts;
    }
}
