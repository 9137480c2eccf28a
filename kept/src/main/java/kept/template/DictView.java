package kept.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * The result of {@code keys()}, {@code values()} or {@code items()}.
 *
 * @param kind which of them
 * @param dict the dictionary
 */
record DictView(Kind kind, PyDict dict) {
    /** The part of the dictionary that is viewed. */
    enum Kind { KEYS, VALUES, ITEMS }

    List<Object> items() {
        var items = new ArrayList<>(dict.size());
        iterator().forEachRemaining(items::add);
        return items;
    }

    /** Iterates without a copy, so that only the elements that are used take time. */
    Iterator<Object> iterator() {
        Iterator<PyDict.Entry> entries = dict.entries().iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return entries.hasNext();
            }

            @Override
            public Object next() {
                PyDict.Entry entry = entries.next();
                return switch (kind) {
                    case KEYS -> entry.key();
                    case VALUES -> entry.value();
                    case ITEMS -> pair(entry);
                };
            }
        };
    }

    static PyTuple pair(PyDict.Entry entry) {
        var pair = new ArrayList<>(2);
        pair.add(entry.key());
        pair.add(entry.value());
        return new PyTuple(pair);
    }
}
