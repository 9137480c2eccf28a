package kept.training;

import kept.tensor.TensorException;

/** Thrown when a training run cannot start or continue; the message says why and what to change. */
public final class TrainingException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what is wrong, and what to do about it
     */
    public TrainingException(String message) {
        super(message);
    }
}
