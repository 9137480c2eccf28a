package kept.tensor;

/** The base class of this library's exceptions. The message names the operation, the shapes or sizes involved, and the remedy. */
public class TensorException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * An error without an underlying cause.
     *
     * @param message what failed, with which shapes, and what to do about it
     */
    public TensorException(String message) {
        super(message);
    }

    /**
     * An error with an underlying cause.
     *
     * @param message what failed, with which shapes, and what to do about it
     * @param cause the underlying error
     */
    public TensorException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * The message for a place that names the operation itself.
     *
     * @return the message without the bracketed name of an operation at its beginning
     */
    public String reason() {
        return getMessage().replaceFirst("^\\[[^]]*] ", "");
    }
}
