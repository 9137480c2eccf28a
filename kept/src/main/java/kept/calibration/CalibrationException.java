package kept.calibration;

import kept.tensor.TensorException;

/** A calibration that cannot be done, with what would help. */
public final class CalibrationException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what is wrong, and what to do
     */
    public CalibrationException(String message) {
        super(message);
    }

    /**
     * An error that another one caused.
     *
     * @param message what is wrong, and what to do
     * @param cause what happened
     */
    public CalibrationException(String message, Throwable cause) {
        super(message, cause);
    }
}
