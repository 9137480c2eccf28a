package kept.backend;

/** Elementwise functions of two operands. */
public enum Binary {
    /** {@code a + b}. */
    ADD,
    /** {@code a - b}. */
    SUBTRACT,
    /** {@code a * b}. */
    MULTIPLY,
    /** {@code a / b}; integers divide towards zero. */
    DIVIDE,
    /** The smaller; NaN if either is NaN. */
    MINIMUM,
    /** The larger; NaN if either is NaN. */
    MAXIMUM,
    /** 1 where {@code a == b}, else 0. */
    EQUAL,
    /** 1 where {@code a != b}, else 0. */
    NOT_EQUAL,
    /** 1 where {@code a < b}, else 0. */
    LESS,
    /** 1 where {@code a <= b}, else 0. */
    LESS_EQUAL,
    /** 1 where {@code a > b}, else 0. */
    GREATER,
    /** 1 where {@code a >= b}, else 0. */
    GREATER_EQUAL;

    /**
     * Whether the result is a mask of zeros and ones of type {@link kept.tensor.DType#I32}.
     *
     * @return true for the six comparisons
     */
    public boolean isComparison() {
        return compareTo(EQUAL) >= 0;
    }
}
