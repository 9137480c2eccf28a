package kept.template;

import java.util.List;

/**
 * A list.
 *
 * @param items its elements, unmodifiable
 */
record PyList(List<Object> items) implements Sequence {}
