package kept.tensor;

/** Thrown when a tensor is used after its scope has closed, or created while no scope is open. */
public final class ScopeException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     */
    public ScopeException(String message) {
        super(message);
    }
}
