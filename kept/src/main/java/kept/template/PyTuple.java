package kept.template;

import java.util.List;

/**
 * A tuple.
 *
 * @param items its elements, unmodifiable
 * @param names whether the first two elements are named grouper and list, as in the result of groupby
 */
record PyTuple(List<Object> items, boolean names) implements Sequence {
    PyTuple(List<Object> items) {
        this(items, false);
    }
}
