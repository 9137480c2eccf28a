package kept.template;

import java.util.List;

/** A list or a tuple. */
sealed interface Sequence permits PyList, PyTuple {
    List<Object> items();
}
