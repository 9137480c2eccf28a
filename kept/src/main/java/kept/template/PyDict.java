package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A dictionary in insertion order. Keys are equal as in Python: {@code 1}, {@code 1.0} and {@code true} are the same key. */
final class PyDict {
    private static final int DEEPEST_KEY = 50;

    /** A key as originally given, and its value. */
    record Entry(Object key, Object value) {}

    /** Keys that are equal only to themselves, whichever object represents them. */
    private enum Single { NONE, UNDEFINED }

    private final Map<Object, Entry> entries = new LinkedHashMap<>();

    static PyDict ofStrings(Map<String, Object> values) {
        var dict = new PyDict();
        values.forEach((key, value) -> dict.entries.put(key, new Entry(key, value)));
        return dict;
    }

    void put(Object key, Object value) {
        entries.merge(hashable(key, 0), new Entry(key, value), (old, next) -> new Entry(old.key(), next.value()));
    }

    void putAll(PyDict other) {
        other.entries.values().forEach(entry -> put(entry.key(), entry.value()));
    }

    /** The entry of a key, or null. */
    Entry entry(Object key) {
        return entries.get(hashable(key, 0));
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    List<Object> keys() {
        var keys = new ArrayList<>(entries.size());
        entries.values().forEach(entry -> keys.add(entry.key()));
        return keys;
    }

    int size() {
        return entries.size();
    }

    /** The Java map key that represents a Python key. */
    static Object hashable(Object key, int depth) {
        return switch (key) {
            case null -> Single.NONE;
            case String text -> text;
            case Markup markup -> markup.text();
            case BigInteger number -> number;
            case Boolean truth -> Numbers.integer(truth);
            case Double number when number.isNaN() -> throw TemplateException.unsupported("nan as a key");
            case Double number -> !number.isInfinite() && number == Math.rint(number) ? Numbers.truncate(number) : number;
            case Undefined _ -> Single.UNDEFINED;
            case PyTuple tuple when depth < DEEPEST_KEY -> tuple.items().stream().map(item -> hashable(item, depth + 1)).toList();
            case PyTuple _ -> throw TemplateException.unsupported("a key of tuples nested that deep");
            case PyList _, PyDict _, DictView _ -> throw new TemplateException("unhashable type: '%s'".formatted(Types.name(key)));
            default -> key;
        };
    }
}
