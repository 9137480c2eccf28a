package kept.corpus;

import kept.tensor.TensorException;

/** Thrown when text cannot be read or used; the message names the file, the position in it, and the remedy. */
public final class CorpusException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message which file, where in it, what is wrong, and what to do
     */
    public CorpusException(String message) {
        super(message);
    }

    /**
     * An error with its explanation and its cause.
     *
     * @param message which file, where in it, what is wrong, and what to do
     * @param cause the cause
     */
    public CorpusException(String message, Throwable cause) {
        super(message, cause);
    }
}
