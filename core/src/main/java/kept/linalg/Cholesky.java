package kept.linalg;

import kept.backend.DoubleKernels;

/**
 * Factors a symmetric positive definite matrix as {@code G = U^T U}, with U upper triangular, and solves {@code G X = B}.
 *
 * <p>Both recursively halve the matrix, so that nearly all work is in few large products (Gustavson 1997, "Recursion leads to automatic variable
 * blocking for dense linear-algebra algorithms"):
 *
 * <pre>
 *   [ G11 G12 ]   [ U11^T       ] [ U11 U12 ]      U11           from G11, the same way
 *   [     G22 ] = [ U12^T U22^T ] [     U22 ]      U12           from U11^T U12 = G12
 *                                                  U22           from G22 - U12^T U12, the same way
 * </pre>
 */
public final class Cholesky {
    /** Matrices up to this size are not halved; larger ones are divided at a multiple of it. */
    private static final int BLOCK = DoubleKernels.MAX_TRIANGLE_ROWS;

    private final DoubleMatrix factor;

    private Cholesky(DoubleMatrix factor) {
        this.factor = factor;
    }

    /**
     * Factors a matrix plus a multiple of the identity.
     *
     * @param matrix {@code [n, n]}; only its upper triangle is read, and it is not changed
     * @param shift the value added to the diagonal
     * @return the factor
     * @throws NotPositiveDefiniteException if the result is not positive definite
     */
    public static Cholesky of(DoubleMatrix matrix, double shift) {
        requirePresent(matrix);
        return of(matrix, shift, DoubleMatrix.zeros(matrix.rows(), matrix.columns()));
    }

    /**
     * Factors a matrix into existing memory; allocating new memory of that size can take as long as the factorisation.
     *
     * @param matrix {@code [n, n]}; only its upper triangle is read, and it is not changed
     * @param shift the value added to the diagonal
     * @param memory {@code [n, n]}, not overlapping the matrix; used by the factor as long as it exists
     * @return the factor
     * @throws NotPositiveDefiniteException if the result is not positive definite
     */
    public static Cholesky of(DoubleMatrix matrix, double shift, DoubleMatrix memory) {
        requirePresent(matrix);
        requirePresent(memory);
        int size = matrix.rows();
        if (matrix.overlaps(memory)) {
            throw new IllegalArgumentException("[cholesky] the matrix lies in the memory for its factor; use other memory");
        }
        if (size != matrix.columns() || size != memory.rows() || size != memory.columns()) {
            throw new IllegalArgumentException("[cholesky] matrix and memory must be square and of one size, not %d x %d and %d x %d".formatted(
                    size, matrix.columns(), memory.rows(), memory.columns()));
        }
        for (int i = 0; i < size; i++) {
            System.arraycopy(matrix.array(), matrix.index(i, i), memory.array(), memory.index(i, i), size - i);
            memory.set(i, i, memory.get(i, i) + shift);
        }
        factor(memory, 0);
        return new Cholesky(memory);
    }

    private static void requirePresent(DoubleMatrix matrix) {
        if (matrix == null) {
            throw new IllegalArgumentException("[cholesky] a matrix is null");
        }
    }

    private static void factor(DoubleMatrix g, int row) {
        int size = g.rows();
        if (size <= BLOCK) {
            int failed = DoubleProducts.kernels().factorBlock(g);
            if (failed >= 0) {
                throw new NotPositiveDefiniteException(row + failed, g.get(failed, failed));
            }
            return;
        }
        int half = half(size);
        DoubleMatrix u12 = g.block(0, half, half, size);
        DoubleMatrix rest = g.block(half, size, half, size);
        factor(g.block(0, half, 0, half), row);
        solveTransposed(g.block(0, half, 0, half), u12);
        DoubleProducts.addGram(-1, u12, rest);
        factor(rest, row + half);
    }

    /** The size of the first half of a matrix larger than a block. */
    private static int half(int size) {
        return (Math.ceilDiv(size, BLOCK) + 1) / 2 * BLOCK;
    }

    /**
     * The number of equations.
     *
     * @return the number of rows of the matrix
     */
    public int size() {
        return factor.rows();
    }

    /**
     * Solves {@code G X = B} in place.
     *
     * @param b {@code [n, any]}; overwritten with X
     */
    public void solve(DoubleMatrix b) {
        requirePresent(b);
        if (b.rows() != size()) {
            throw new IllegalArgumentException("[cholesky] %d equations have no right side of %d rows".formatted(size(), b.rows()));
        }
        solveTransposed(factor, b);
        solveUpper(factor, b);
    }

    /** Solves {@code U^T Y = B}. */
    private static void solveTransposed(DoubleMatrix u, DoubleMatrix b) {
        int size = u.rows();
        if (size <= BLOCK) {
            DoubleProducts.kernels().solveTransposedBlock(u, b);
            return;
        }
        int half = half(size);
        solveTransposed(u.block(0, half, 0, half), b.rows(0, half));
        DoubleProducts.addTransposedProduct(-1, u.block(0, half, half, size), b.rows(0, half), b.rows(half, size));
        solveTransposed(u.block(half, size, half, size), b.rows(half, size));
    }

    /** Solves {@code U X = Y}. */
    private static void solveUpper(DoubleMatrix u, DoubleMatrix b) {
        int size = u.rows();
        if (size <= BLOCK) {
            DoubleProducts.kernels().solveUpperBlock(u, b);
            return;
        }
        int half = half(size);
        solveUpper(u.block(half, size, half, size), b.rows(half, size));
        DoubleProducts.addProduct(-1, u.block(0, half, half, size), b.rows(half, size), b.rows(0, half));
        solveUpper(u.block(0, half, 0, half), b.rows(0, half));
    }
}
