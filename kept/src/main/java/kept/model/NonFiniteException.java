package kept.model;

import kept.tensor.TensorException;

/** A model whose numbers are NaN or infinite: the message names the first tensor where they are. */
public final class NonFiniteException extends TensorException {
    private static final long serialVersionUID = 1L;

    /** Whether the model at fault does not change. */
    private final boolean frozen;

    /**
     * An error with its explanation.
     *
     * @param message what is not finite, and what to do about it
     * @param frozen whether it is a model that does not change, such as a teacher, so that no other training would help
     */
    public NonFiniteException(String message, boolean frozen) {
        super(message);
        this.frozen = frozen;
    }

    /**
     * Whether the model at fault is one that does not change.
     *
     * @return true if no other training would help
     */
    public boolean isFrozen() {
        return frozen;
    }
}
