package kept.template;

import java.util.List;

/**
 * A tuple.
 *
 * @param items its elements, which nobody changes
 * @param names whether the first two have the names grouper and list, as those of the filter groupby
 */
record PyTuple(List<Object> items, boolean names) implements Sequence {
    PyTuple(List<Object> items) {
        this(items, false);
    }
}
