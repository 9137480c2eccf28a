package kept.calibration;

/**
 * Sums of products in double precision on matrices whose rows are arrays. Each element is one chain of fused multiply-adds in ascending order, so its
 * bits do not depend on how the work is divided.
 *
 * <p>All arrays of an inner loop are read at one index, before anything is written: so the compiler uses vectors without a proof that arrays do not
 * overlap.
 */
final class RowProducts {
    /** Rows of the summed index whose coefficients are packed at a time. */
    private static final int DEPTH = 128;
    /** Rows of the summed index that one pass over two rows of the result takes. */
    private static final int STEP = 4;

    private RowProducts() {}

    /** A range of the three indices of a product: sums run over k. */
    record Range(int fromK, int toK, int fromI, int toI, int fromJ, int toJ) {}

    /**
     * {@code c[i][j] += sign * sum over k of a[k][i] b[k][j]}.
     *
     * @param a rows {@code [k][i]}
     * @param b rows {@code [k][j]}
     * @param c rows {@code [i][j]}; none of those written is a row of b that is read
     * @param sign 1 or -1
     * @param range the indices
     */
    static void add(double[][] a, double[][] b, double[][] c, double sign, Range range) {
        var even = new double[DEPTH];
        var odd = new double[DEPTH];
        for (int k = range.fromK; k < range.toK; k += DEPTH) {
            int depth = Math.min(DEPTH, range.toK - k);
            int i = range.fromI;
            for (; i + 1 < range.toI; i += 2) {
                for (int d = 0; d < depth; d++) {
                    even[d] = sign * a[k + d][i];
                    odd[d] = sign * a[k + d][i + 1];
                }
                addToTwo(c[i], c[i + 1], even, odd, b, k, depth, range);
            }
            if (i < range.toI) {
                for (int d = 0; d < depth; d++) {
                    addToOne(c[i], sign * a[k + d][i], b[k + d], range.fromJ, range.toJ);
                }
            }
        }
    }

    private static void addToTwo(double[] c0, double[] c1, double[] even, double[] odd, double[][] b, int k, int depth, Range range) {
        int d = 0;
        for (; d + STEP <= depth; d += STEP) {
            addFour(c0, c1, even, odd, b, k, d, range.fromJ, range.toJ);
        }
        for (; d < depth; d++) {
            addToOne(c0, even[d], b[k + d], range.fromJ, range.toJ);
            addToOne(c1, odd[d], b[k + d], range.fromJ, range.toJ);
        }
    }

    /** {@code c += p b} for one row. */
    static void addToOne(double[] c, double p, double[] b, int from, int to) {
        for (int j = from; j < to; j++) {
            c[j] = Math.fma(p, b[j], c[j]);
        }
    }

    private static void addFour(double[] c0, double[] c1, double[] p, double[] q, double[][] b, int k, int d, int from, int to) {
        double[] b0 = b[k + d];
        double[] b1 = b[k + d + 1];
        double[] b2 = b[k + d + 2];
        double[] b3 = b[k + d + 3];
        double p0 = p[d];
        double p1 = p[d + 1];
        double p2 = p[d + 2];
        double p3 = p[d + 3];
        double q0 = q[d];
        double q1 = q[d + 1];
        double q2 = q[d + 2];
        double q3 = q[d + 3];
        for (int j = from; j < to; j++) {
            double x0 = b0[j];
            double x1 = b1[j];
            double x2 = b2[j];
            double x3 = b3[j];
            double s = Math.fma(p3, x3, Math.fma(p2, x2, Math.fma(p1, x1, Math.fma(p0, x0, c0[j]))));
            double t = Math.fma(q3, x3, Math.fma(q2, x2, Math.fma(q1, x1, Math.fma(q0, x0, c1[j]))));
            c0[j] = s;
            c1[j] = t;
        }
    }
}
