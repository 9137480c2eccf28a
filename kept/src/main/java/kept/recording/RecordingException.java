package kept.recording;

import kept.tensor.TensorException;

/** A teacher's logits cannot be recorded, or a recording cannot be used. */
public final class RecordingException extends TensorException {
    private static final long serialVersionUID = 1;

    /**
     * Creates the exception.
     *
     * @param message what is wrong, and what to do
     */
    public RecordingException(String message) {
        super(message);
    }

    /**
     * Creates the exception.
     *
     * @param message what is wrong, and what to do
     * @param cause what went wrong
     */
    public RecordingException(String message, Throwable cause) {
        super(message, cause);
    }
}
