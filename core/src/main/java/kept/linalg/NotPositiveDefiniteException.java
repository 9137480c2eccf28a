package kept.linalg;

/** A matrix that was to be factored is not positive definite. */
public final class NotPositiveDefiniteException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The row of the pivot. */
    private final int row;

    NotPositiveDefiniteException(int row, double pivot) {
        super("[cholesky] the matrix is not positive definite: the square of row %d's pivot is %s; add more to the diagonal".formatted(row, pivot));
        this.row = row;
    }

    /**
     * Where the factorisation ended.
     *
     * @return the first row whose pivot is not the root of a positive number
     */
    public int row() {
        return row;
    }
}
