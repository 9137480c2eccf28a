package kept.generation;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** JSON as Python's {@code json.dumps} writes it, with {@code ensure_ascii=False}. */
final class PythonJson {
    private static final ObjectMapper JSON = new ObjectMapper();

    private PythonJson() {}

    /**
     * Writes a value.
     *
     * @param value strings, numbers, booleans, null, and lists and maps of these
     * @param indent spaces for each depth; below 0 for everything on one line
     * @return the JSON
     */
    static String write(Object value, int indent) {
        return write(value, indent, 0);
    }

    private static String write(Object value, int indent, int depth) {
        var items = new ArrayList<String>();
        return switch (value) {
            case Map<?, ?> map -> {
                map.forEach((key, item) -> items.add(scalar(String.valueOf(key)) + ": " + write(item, indent, depth + 1)));
                yield join("{", items, "}", indent, depth);
            }
            case Iterable<?> list -> {
                list.forEach(item -> items.add(write(item, indent, depth + 1)));
                yield join("[", items, "]", indent, depth);
            }
            case null, default -> scalar(value);
        };
    }

    private static String join(String open, List<String> items, String close, int indent, int depth) {
        if (items.isEmpty() || indent < 0) {
            return open + String.join(", ", items) + close;
        }
        String line = "\n" + " ".repeat(indent * (depth + 1));
        return open + line + String.join("," + line, items) + "\n" + " ".repeat(indent * depth) + close;
    }

    private static String scalar(Object value) {
        return JSON.valueToTree(value).toString();
    }
}
