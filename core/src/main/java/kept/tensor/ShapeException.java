package kept.tensor;

/** Thrown when shapes do not fit an operation, as in {@code [matmul] inner dimensions differ: [8, 256, 64] x [128, 32]}. */
public final class ShapeException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what failed, with which shapes or sizes, and what to do about it
     */
    public ShapeException(String message) {
        super(message);
    }
}
