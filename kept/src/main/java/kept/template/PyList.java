package kept.template;

import java.util.List;

/**
 * A list.
 *
 * @param items its elements, which nobody changes
 */
record PyList(List<Object> items) implements Sequence {}
