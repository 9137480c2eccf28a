package kept.calibration;

import kept.tensor.TensorException;

/** Thrown if a calibration is impossible. The message says what would help. */
public final class CalibrationException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an error.
     *
     * @param message what is wrong, and what to do
     */
    public CalibrationException(String message) {
        super(message);
    }

    /**
     * Creates an error with a cause.
     *
     * @param message what is wrong, and what to do
     * @param cause what happened
     */
    public CalibrationException(String message, Throwable cause) {
        super(message, cause);
    }
}
