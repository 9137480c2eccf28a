package kept.backend;

/** How an operand of a contract test lies in memory. */
public enum Layout {
    /** Row-major, one after another. */
    DENSE,
    /** Dense, but not from the beginning of its buffer, and not aligned to vectors. */
    OFFSET,
    /** Axes in reversed order. */
    TRANSPOSED,
    /** Every other element of a buffer. */
    STRIDED,
    /** One row for all indices of the first axis. */
    SAME_ROWS,
    /** One value for all indices of the last axis. */
    SAME_COLUMNS,
    /** One value throughout. */
    SCALAR;

    /** The layouts that a result may have. */
    public static final Layout[] OF_RESULTS = {DENSE, OFFSET, TRANSPOSED, STRIDED};

    /**
     * The strides of a shape.
     *
     * @param shape the extents
     * @return elements between neighbours along each axis
     */
    public long[] strides(long... shape) {
        int rank = shape.length;
        long[] strides = new long[rank];
        long stride = this == STRIDED ? 2 : 1;
        for (int i = 0; i < rank; i++) {
            int axis = this == TRANSPOSED ? i : rank - 1 - i;
            boolean same = this == SCALAR || this == SAME_ROWS && axis == 0 && rank > 1 || this == SAME_COLUMNS && axis == rank - 1;
            strides[axis] = same ? 0 : stride;
            stride *= same ? 1 : shape[axis];
        }
        return strides;
    }

    /**
     * Where the first element lies.
     *
     * @return its place in the buffer
     */
    public long offset() {
        return this == OFFSET ? 5 : this == STRIDED ? 1 : 0;
    }
}
