package kept.template;

import java.math.BigInteger;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/** A dictionary in insertion order. Keys are equal as in Python: {@code 1}, {@code 1.0} and {@code true} are the same key. */
final class PyDict {
    private static final int DEEPEST_KEY = 50;

    /** A key as originally given, and its value. */
    record Entry(Object key, Object value) {}

    /** Keys that are equal only to themselves, whichever object represents them. */
    private enum Single { NONE, UNDEFINED }

    private final Map<DictKey, Entry> entries = new LinkedHashMap<>();

    static PyDict ofStrings(Map<String, Object> values) {
        var dict = new PyDict();
        values.forEach((key, value) -> dict.put(key, value));
        return dict;
    }

    /** Puts a variable of the program, whose work is not counted. */
    void put(String key, Object value) {
        put(new DictKey(key), new Entry(key, value));
    }

    void put(Object key, Object value, Budget budget) {
        put(hashable(key, budget), new Entry(key, value));
    }

    private void put(DictKey hashable, Entry entry) {
        entries.merge(hashable, entry, (old, next) -> new Entry(old.key(), next.value()));
    }

    void putAll(PyDict other) {
        other.entries.forEach(this::put);
    }

    /** The entry of a key, or null. */
    Entry entry(Object key, Budget budget) {
        return entries.get(hashable(key, budget));
    }

    Collection<Entry> entries() {
        return entries.values();
    }

    int size() {
        return entries.size();
    }

    /** The Java map key that represents a Python key; counts the work of hashing and comparing it. */
    static DictKey hashable(Object key, Budget budget) {
        return new DictKey(hashable(key, 0, budget));
    }

    private static Object hashable(Object key, int depth, Budget budget) {
        return switch (key) {
            case null -> Single.NONE;
            case String text -> scanned(text, budget);
            case Markup markup -> scanned(markup.text(), budget);
            case BigInteger number -> number;
            case Boolean truth -> Numbers.integer(truth);
            case Double number when number.isNaN() -> throw TemplateException.unsupported("nan as a key");
            case Double number -> !number.isInfinite() && number == Math.rint(number) ? Numbers.truncate(number) : number;
            case Undefined _ -> Single.UNDEFINED;
            case PyTuple tuple when depth < DEEPEST_KEY -> {
                budget.items(tuple.items().size());
                yield tuple.items().stream().map(item -> hashable(item, depth + 1, budget)).toList();
            }
            case PyTuple _ -> throw TemplateException.unsupported("a key of tuples nested that deep");
            case Range range -> range.key();
            case PyList _, PyDict _, DictView _ -> throw new TemplateException("unhashable type: '%s'".formatted(Types.name(key)));
            default -> key;
        };
    }

    private static String scanned(String text, Budget budget) {
        budget.scan(text.length());
        return text;
    }
}
