package kept.tensor;

/** Thrown when an operation does not support an element type. */
public final class DTypeException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     */
    public DTypeException(String message) {
        super(message);
    }
}
