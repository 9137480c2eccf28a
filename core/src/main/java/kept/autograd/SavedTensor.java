package kept.autograd;

import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;

/**
 * A tensor that an operation's backward needs as it was when the operation ran: an operand, or the result. Costs a comparison of counters to look at,
 * and no memory: writing to it in between is an error, not a wrong gradient.
 */
public final class SavedTensor {
    private final String operation;
    private final String role;
    private final Tensor tensor;
    private final int version;

    SavedTensor(String operation, String role, Tensor tensor) {
        this.operation = operation;
        this.role = role;
        this.tensor = tensor;
        version = TensorInternals.version(tensor);
    }

    /**
     * The tensor, for a use of its elements.
     *
     * @return what was saved
     * @throws TensorException if its memory has been written since
     */
    public Tensor value() {
        if (TensorInternals.version(tensor) != version) {
            throw new TensorException("[%s] backward needs %s, %s, as the operation saw it, but it has been overwritten since; "
                    .formatted(operation, role, description(tensor))
                    + "run backward before writing to it, or compute with its copy()");
        }
        return tensor;
    }

    /**
     * The tensor, for a use of its elements in one case only.
     *
     * @param needed whether the elements matter
     * @return what was saved
     * @throws TensorException if they matter and have been written since
     */
    public Tensor value(boolean needed) {
        return needed ? value() : tensor;
    }

    /**
     * The tensor, for a use of its shape, type or strides.
     *
     * @return what was saved, whether or not it has been written since
     */
    public Tensor unchecked() {
        return tensor;
    }

    static String description(Tensor tensor) {
        return tensor.dtype().label() + " " + tensor.shape();
    }
}
