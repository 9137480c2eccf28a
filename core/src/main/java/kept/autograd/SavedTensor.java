package kept.autograd;

import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;

/**
 * A saved tensor: an operand or result that an operation's backward needs unchanged. Access compares a version counter, so that an overwritten tensor
 * is an error and not a wrong gradient. No copy is made.
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
     * Returns the tensor for use of its elements.
     *
     * @return the saved tensor
     * @throws TensorException if its memory has been overwritten since
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
     * Returns the tensor, whose elements may be needed or not.
     *
     * @param needed whether the elements are needed
     * @return the saved tensor
     * @throws TensorException if they are needed and have been overwritten since
     */
    public Tensor value(boolean needed) {
        return needed ? value() : tensor;
    }

    /**
     * Returns the tensor for use of its shape, dtype or strides.
     *
     * @return the saved tensor, whether or not it has been written since
     */
    public Tensor unchecked() {
        return tensor;
    }

    static String description(Tensor tensor) {
        return tensor.dtype().label() + " " + tensor.shape();
    }
}
