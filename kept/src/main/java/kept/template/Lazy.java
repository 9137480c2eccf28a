package kept.template;

import java.util.Iterator;

/**
 * A generator: computed lazily and consumed once, such as the results of map and select.
 *
 * @param iterator the remaining elements
 * @param type the Python name of its type
 */
record Lazy(Iterator<Object> iterator, String type) {
    static Lazy generator(Iterator<Object> iterator) {
        return new Lazy(iterator, "generator");
    }
}
