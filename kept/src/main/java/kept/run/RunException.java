package kept.run;

import kept.tensor.TensorException;

/**
 * Thrown when a run cannot start, continue or finish. The message is one line: what is wrong and what to do, with options by their names in the
 * programs.
 */
public final class RunException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what is wrong, and what to do
     */
    public RunException(String message) {
        super(message);
    }

    /**
     * An error that another one caused.
     *
     * @param message what is wrong, and what to do
     * @param cause what happened
     */
    public RunException(String message, Throwable cause) {
        super(message, cause);
    }
}
