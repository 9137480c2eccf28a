package kept.backend.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.DoubleKernels;
import kept.linalg.DoubleMatrix;

/** The Cholesky factor of a small matrix, row by row, in a copy whose rows are whole vectors. */
final class DoubleFactor {
    private static final VectorSpecies<Double> SPECIES = DoubleTile.SPECIES;
    private static final int LANES = DoubleTile.LANES;
    private static final int STRIDE = DoubleKernels.MAX_TRIANGLE_ROWS;

    private DoubleFactor() {}

    /**
     * Factors {@code G = U^T U} in the place of G.
     *
     * @param g {@code [n, n]}, n at most {@value DoubleKernels#MAX_TRIANGLE_ROWS}; elements left of the diagonal are neither read nor written
     * @return -1, or the first row with a pivot whose square is not positive and finite; that square is then on the diagonal
     */
    static int factor(DoubleMatrix g) {
        int n = g.rows();
        double[] u = Workspace.ofThread().doubles(Workspace.Slot.COLUMNS, STRIDE * STRIDE);
        for (int row = 0; row < n; row++) {
            System.arraycopy(g.array(), g.index(row, row), u, row * STRIDE + row, n - row);
        }
        int failed = factor(n, u);
        for (int row = 0; row < n; row++) {
            System.arraycopy(u, row * STRIDE + row, g.array(), g.index(row, row), n - row);
        }
        return failed;
    }

    private static int factor(int n, double[] u) {
        for (int k = 0; k < n; k++) {
            int pivotRow = k * STRIDE;
            double square = u[pivotRow + k];
            if (!(square > 0) || Double.isInfinite(square)) {
                return k;
            }
            double root = Math.sqrt(square);
            DoubleVector pivot = DoubleVector.broadcast(SPECIES, root);
            for (int j = k / LANES * LANES; j < n; j += LANES) {
                DoubleVector.fromArray(SPECIES, u, pivotRow + j).div(pivot).intoArray(u, pivotRow + j);
            }
            u[pivotRow + k] = root;
            for (int i = k + 1; i < n; i++) {
                DoubleVector factor = DoubleVector.broadcast(SPECIES, -u[pivotRow + i]);
                int row = i * STRIDE;
                for (int j = i / LANES * LANES; j < n; j += LANES) {
                    DoubleVector rest = DoubleVector.fromArray(SPECIES, u, row + j);
                    factor.fma(DoubleVector.fromArray(SPECIES, u, pivotRow + j), rest).intoArray(u, row + j);
                }
            }
        }
        return -1;
    }
}
