package kept.tensor;

/** Thrown when a device cannot be used, or an operation gets tensors of different devices. */
public final class DeviceException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     */
    public DeviceException(String message) {
        super(message);
    }

    /**
     * An error with an underlying cause.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     * @param cause the underlying error, or null
     */
    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
