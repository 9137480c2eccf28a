package kept.model;

import kept.tensor.TensorException;

/** Thrown if a model produces NaN or infinity. The message names the first tensor that contains them. */
public final class NonFiniteException extends TensorException {
    private static final long serialVersionUID = 1L;

    /** Whether the model at fault is frozen. */
    private final boolean frozen;

    /**
     * Creates an error.
     *
     * @param message what is not finite, and what to do about it
     * @param frozen whether the model is frozen, such as a teacher, so that other training settings would not help
     */
    public NonFiniteException(String message, boolean frozen) {
        super(message);
        this.frozen = frozen;
    }

    /**
     * Whether the model at fault is frozen.
     *
     * @return true if other training settings would not help
     */
    public boolean isFrozen() {
        return frozen;
    }
}
