package kept.template;

import java.util.Iterator;

/**
 * What is computed while it is read, and read once: results of map, select and their kind.
 *
 * @param iterator the rest of it
 * @param type Python's name of its type
 */
record Lazy(Iterator<Object> iterator, String type) {
    static Lazy generator(Iterator<Object> iterator) {
        return new Lazy(iterator, "generator");
    }
}
