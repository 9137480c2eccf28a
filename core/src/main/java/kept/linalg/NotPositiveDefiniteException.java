package kept.linalg;

/** Thrown if a matrix to be factored is not positive definite. */
public final class NotPositiveDefiniteException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Row of the pivot. */
    private final int row;

    /**
     * Creates the error.
     *
     * @param row the first row with a pivot whose square is not positive
     * @param pivot that square
     */
    public NotPositiveDefiniteException(int row, double pivot) {
        super("[cholesky] the matrix is not positive definite: the square of row %d's pivot is %s; add more to the diagonal".formatted(row, pivot));
        this.row = row;
    }

    /**
     * The row at which the factorisation failed.
     *
     * @return the first row with a pivot whose square is not positive
     */
    public int row() {
        return row;
    }
}
