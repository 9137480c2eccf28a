package kept.tensor;

/** Thrown when a device has no room for a tensor; the message says how many bytes were requested and how many are in use. */
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
