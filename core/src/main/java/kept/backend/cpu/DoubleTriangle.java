package kept.backend.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.DoubleKernels;
import kept.linalg.DoubleMatrix;

/**
 * Substitution with a small triangular matrix, for many right sides at a time: {@code x_s = (b_s - sum over r < s of l_sr x_r) / l_ss}. A task solves
 * for some columns of B, which stay in the first-level cache; one of their rows stays in registers while r runs. For {@code U X = B} rows and columns
 * are counted from the end.
 */
final class DoubleTriangle {
    private static final VectorSpecies<Double> SPECIES = DoubleTile.SPECIES;
    private static final int LANES = DoubleTile.LANES;
    /** Columns of a task: a vector for each of eight independent accumulators. */
    private static final int COLUMNS = 8 * LANES;

    private DoubleTriangle() {}

    /**
     * Solves {@code U X = B}, or {@code U^T X = B}, in the place of B.
     *
     * @param u {@code [n, n]}, n at most 64; elements left of the diagonal are not read
     * @param transposed whether the triangle is the transpose of U
     * @param b {@code [n, any]}
     */
    static void solve(DoubleMatrix u, boolean transposed, DoubleMatrix b) {
        int n = u.rows();
        var lower = new double[n * n];
        for (int s = 0; s < n; s++) {
            for (int r = 0; r < s; r++) {
                lower[s * n + r] = transposed ? -u.get(r, s) : -u.get(n - 1 - s, n - 1 - r);
            }
            lower[s * n + s] = transposed ? u.get(s, s) : u.get(n - 1 - s, n - 1 - s);
        }
        WorkerPool.shared().run(Math.ceilDiv(b.columns(), COLUMNS), task -> {
            int column = task * COLUMNS;
            int count = Math.min(COLUMNS, b.columns() - column);
            double[] x = Workspace.ofThread().doubles(Workspace.Slot.COLUMNS, DoubleKernels.MAX_TRIANGLE_ROWS * COLUMNS);
            for (int s = 0; s < n; s++) {
                System.arraycopy(b.array(), b.index(transposed ? s : n - 1 - s, column), x, s * COLUMNS, count);
            }
            substitute(n, lower, x);
            for (int s = 0; s < n; s++) {
                System.arraycopy(x, s * COLUMNS, b.array(), b.index(transposed ? s : n - 1 - s, column), count);
            }
        });
    }

    /** All in one method, because an accumulator that escapes into a call is boxed. */
    private static void substitute(int n, double[] lower, double[] x) {
        for (int s = 0; s < n; s++) {
            int to = s * COLUMNS;
            DoubleVector x0 = DoubleVector.fromArray(SPECIES, x, to);
            DoubleVector x1 = DoubleVector.fromArray(SPECIES, x, to + LANES);
            DoubleVector x2 = DoubleVector.fromArray(SPECIES, x, to + 2 * LANES);
            DoubleVector x3 = DoubleVector.fromArray(SPECIES, x, to + 3 * LANES);
            DoubleVector x4 = DoubleVector.fromArray(SPECIES, x, to + 4 * LANES);
            DoubleVector x5 = DoubleVector.fromArray(SPECIES, x, to + 5 * LANES);
            DoubleVector x6 = DoubleVector.fromArray(SPECIES, x, to + 6 * LANES);
            DoubleVector x7 = DoubleVector.fromArray(SPECIES, x, to + 7 * LANES);
            for (int r = 0; r < s; r++) {
                DoubleVector factor = DoubleVector.broadcast(SPECIES, lower[s * n + r]);
                int from = r * COLUMNS;
                x0 = factor.fma(DoubleVector.fromArray(SPECIES, x, from), x0);
                x1 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + LANES), x1);
                x2 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 2 * LANES), x2);
                x3 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 3 * LANES), x3);
                x4 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 4 * LANES), x4);
                x5 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 5 * LANES), x5);
                x6 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 6 * LANES), x6);
                x7 = factor.fma(DoubleVector.fromArray(SPECIES, x, from + 7 * LANES), x7);
            }
            DoubleVector pivot = DoubleVector.broadcast(SPECIES, lower[s * n + s]);
            x0.div(pivot).intoArray(x, to);
            x1.div(pivot).intoArray(x, to + LANES);
            x2.div(pivot).intoArray(x, to + 2 * LANES);
            x3.div(pivot).intoArray(x, to + 3 * LANES);
            x4.div(pivot).intoArray(x, to + 4 * LANES);
            x5.div(pivot).intoArray(x, to + 5 * LANES);
            x6.div(pivot).intoArray(x, to + 6 * LANES);
            x7.div(pivot).intoArray(x, to + 7 * LANES);
        }
    }
}
