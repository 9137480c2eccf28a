package kept.calibration;

import java.util.Arrays;

/**
 * The factor of a symmetric positive definite matrix, {@code G = U^T U} with U upper triangular, and the solution of {@code G X = B} with it, in
 * double precision and in blocks of rows. The bits do not depend on the number of threads.
 */
final class Cholesky {
    private static final int BLOCK = 64;
    /** Columns of a task: a block's rows of so many columns stay in the second-level cache. */
    private static final int COLUMNS = 256;
    private static final int TASK_ROWS = 128;

    private final double[][] factor;
    private final Workers workers;

    private Cholesky(double[][] factor, Workers workers) {
        this.factor = factor;
        this.workers = workers;
    }

    /**
     * Factors a matrix.
     *
     * @param matrix rows; what lies right of and on the diagonal is read, nothing is changed
     * @param shift what is added to the diagonal
     * @param workers who does it
     * @return the factor, or null if the matrix is not positive definite
     */
    static Cholesky of(double[][] matrix, double shift, Workers workers) {
        int size = matrix.length;
        var u = new double[size][];
        for (int i = 0; i < size; i++) {
            u[i] = matrix[i].clone();
            Arrays.fill(u[i], 0, i, 0);
            u[i][i] += shift;
        }
        for (int start = 0; start < size; start += BLOCK) {
            int end = Math.min(size, start + BLOCK);
            if (!factorBlock(u, start, end)) {
                return null;
            }
            subtractBlock(u, start, end, workers);
        }
        return new Cholesky(u, workers);
    }

    /** The block's rows of U, whole. */
    private static boolean factorBlock(double[][] u, int start, int end) {
        int size = u.length;
        for (int k = start; k < end; k++) {
            double pivot = Math.sqrt(u[k][k]);
            if (!(pivot > 0) || Double.isInfinite(pivot)) {
                return false;
            }
            for (int j = k; j < size; j++) {
                u[k][j] /= pivot;
            }
            u[k][k] = pivot;
            for (int i = k + 1; i < end; i++) {
                RowProducts.addToOne(u[i], -u[k][i], u[k], i, size);
            }
        }
        return true;
    }

    /** Subtracts from the rows below what the block's rows explain. */
    private static void subtractBlock(double[][] u, int start, int end, Workers workers) {
        int size = u.length;
        int tasks = Math.ceilDiv(size - end, TASK_ROWS);
        workers.run(tasks, task -> {
            int from = end + task * TASK_ROWS;
            int to = Math.min(size, from + TASK_ROWS);
            // Left of the diagonal of a task's rows nothing is read, so it does no harm that a corner there is written.
            for (int column = from; column < size; column += COLUMNS) {
                RowProducts.add(u, u, u, -1, new RowProducts.Range(start, end, from, to, column, Math.min(size, column + COLUMNS)));
            }
        });
    }

    /**
     * Solves {@code G X = B} in the place of B.
     *
     * @param b rows {@code [size][any width]}; overwritten with X
     */
    void solve(double[][] b) {
        int width = b[0].length;
        workers.run(Math.ceilDiv(width, COLUMNS), task -> {
            int from = task * COLUMNS;
            int to = Math.min(width, from + COLUMNS);
            forward(b, from, to);
            backward(b, from, to);
        });
    }

    /** {@code U^T Y = B}. */
    private void forward(double[][] b, int from, int to) {
        int size = factor.length;
        for (int start = 0; start < size; start += BLOCK) {
            int end = Math.min(size, start + BLOCK);
            for (int k = start; k < end; k++) {
                for (int i = start; i < k; i++) {
                    RowProducts.addToOne(b[k], -factor[i][k], b[i], from, to);
                }
                divide(b[k], factor[k][k], from, to);
            }
            RowProducts.add(factor, b, b, -1, new RowProducts.Range(start, end, end, size, from, to));
        }
    }

    /** {@code U X = Y}: each block's rows of U become columns once, so that the same product serves. */
    private void backward(double[][] b, int from, int to) {
        int size = factor.length;
        for (int end = size; end > 0; end -= (end - 1) % BLOCK + 1) {
            int start = end - ((end - 1) % BLOCK + 1);
            for (int k = end - 1; k >= start; k--) {
                for (int i = k + 1; i < end; i++) {
                    RowProducts.addToOne(b[k], -factor[k][i], b[i], from, to);
                }
                divide(b[k], factor[k][k], from, to);
            }
            var transposed = new double[size][];
            for (int k = start; k < end; k++) {
                transposed[k] = new double[start];
                for (int i = 0; i < start; i++) {
                    transposed[k][i] = factor[i][k];
                }
            }
            RowProducts.add(transposed, b, b, -1, new RowProducts.Range(start, end, 0, start, from, to));
        }
    }

    private static void divide(double[] row, double by, int from, int to) {
        for (int j = from; j < to; j++) {
            row[j] /= by;
        }
    }
}
