package kept.backend;

import kept.linalg.DoubleMatrix;

/**
 * Kernels on matrices of doubles in the host's memory, for {@link kept.linalg}, which checks their arguments. {@link java.util.ServiceLoader} finds
 * the implementation. The bits of a result depend on the operands alone, not on the number of threads.
 */
public interface DoubleKernels {
    /** The largest triangle that the kernels solve; larger ones are divided into blocks. */
    int MAX_TRIANGLE_ROWS = 64;

    /**
     * {@code C = C + sign A B}.
     *
     * @param sign 1 or -1
     * @param a {@code [m, k]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}, not overlapping the operands
     */
    void addProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c);

    /**
     * {@code C = C + sign A^T B}.
     *
     * @param sign 1 or -1
     * @param a {@code [k, m]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}, not overlapping the operands
     */
    void addTransposedProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c);

    /**
     * {@code C = C + sign A^T A} on and right of the diagonal. Elements left of the diagonal are neither read nor written.
     *
     * @param sign 1 or -1
     * @param a {@code [k, n]}
     * @param c {@code [n, n]}, not overlapping A
     */
    void addGram(int sign, DoubleMatrix a, DoubleMatrix c);

    /**
     * Factors {@code G = U^T U} in the place of G. Elements left of the diagonal are neither read nor written.
     *
     * @param g {@code [n, n]} with n at most {@value #MAX_TRIANGLE_ROWS}
     * @return -1, or the first row with a pivot whose square is not positive and finite; that square is then on the diagonal
     */
    int factorBlock(DoubleMatrix g);

    /**
     * Solves {@code U^T X = B} in the place of B.
     *
     * @param u {@code [n, n]} with n at most {@value #MAX_TRIANGLE_ROWS}; what lies left of the diagonal is not read
     * @param b {@code [n, any]}, not overlapping U
     */
    void solveTransposedBlock(DoubleMatrix u, DoubleMatrix b);

    /**
     * Solves {@code U X = B} in the place of B.
     *
     * @param u {@code [n, n]} with n at most {@value #MAX_TRIANGLE_ROWS}; what lies left of the diagonal is not read
     * @param b {@code [n, any]}, not overlapping U
     */
    void solveUpperBlock(DoubleMatrix u, DoubleMatrix b);
}
