package kept.template;

import java.util.ArrayList;
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
        for (PyDict.Entry entry : dict.entries()) {
            items.add(switch (kind) {
                case KEYS -> entry.key();
                case VALUES -> entry.value();
                case ITEMS -> pair(entry);
            });
        }
        return items;
    }

    static PyTuple pair(PyDict.Entry entry) {
        var pair = new ArrayList<>(2);
        pair.add(entry.key());
        pair.add(entry.value());
        return new PyTuple(pair);
    }
}
