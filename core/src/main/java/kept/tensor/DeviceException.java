package kept.tensor;

/** A device that cannot be used, or tensors of different devices in one operation. */
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
     * @param cause what lies beneath; null for nothing
     */
    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
