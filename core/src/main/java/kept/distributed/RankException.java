package kept.distributed;

import kept.tensor.TensorException;

/** Thrown when ranks cannot work together: one has failed, ended or does not answer, or the engine between them cannot be used. */
public final class RankException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message which rank or engine, what is wrong with it, and what to do
     */
    public RankException(String message) {
        super(message);
    }

    /**
     * An error with an underlying cause.
     *
     * @param message which rank or engine, what is wrong with it, and what to do
     * @param cause the underlying error, or null
     */
    public RankException(String message, Throwable cause) {
        super(message, cause);
    }
}
