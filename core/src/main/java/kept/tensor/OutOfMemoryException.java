package kept.tensor;

/** A device that has no room for a tensor: the message says how much was asked for and how much is in use. */
public final class OutOfMemoryException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     */
    public OutOfMemoryException(String message) {
        super(message);
    }
}
