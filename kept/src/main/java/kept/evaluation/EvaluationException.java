package kept.evaluation;

import kept.tensor.TensorException;

/** Thrown when a question cannot be evaluated; the message names the file, the line, and the remedy. */
public final class EvaluationException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message which file, which line, what is wrong, and what to do
     */
    public EvaluationException(String message) {
        super(message);
    }

    /**
     * An error with its explanation and its cause.
     *
     * @param message which file, which line, what is wrong, and what to do
     * @param cause the cause
     */
    public EvaluationException(String message, Throwable cause) {
        super(message, cause);
    }
}
