package kept.calibration;

import java.util.ArrayList;
import java.util.List;

/**
 * The least squares of one norm: how d, by which the LayerNorm's output exceeds the RMSNorm's, follows from the RMSNorm's output y. With
 * {@code G = sum y y^T} and {@code D = sum d y^T} over tokens, {@code C = D (G + ridge mean(diag G) I)^-1} has the least
 * {@code sum |d - C y|^2 + ridge mean(diag G) |C|^2}.
 *
 * <p>Some tokens are held out until the ridge is chosen, for the least error on them; then they count as well.
 */
final class NormRegression {
    /** From the least on, a ridge is looked for until it is far from the best one. */
    private static final double LEAST_RIDGE = 1e-9;
    private static final double LARGEST_RIDGE = 1.5e-2;
    private static final double RIDGE_STEP = 10;
    private static final double FAR_FROM_BEST = 1.5;
    /** The ridge is chosen by so many channels of d at most, each an equation of its own. */
    private static final int CHANNELS = 256;
    private static final int COLUMNS = 256;
    private static final int PIECE = 512;

    private final int width;
    private final Workers workers;
    /** Rows y, columns y; what is left of the diagonal is not kept up. */
    private final double[][] gram;
    /** Rows y, columns d. */
    private final double[][] cross;
    private final List<Rows> heldOut = new ArrayList<>();

    /** Outputs of some tokens, {@code [tokens][width]} each. */
    private record Rows(float[] y, float[] d) {}

    /**
     * What a norm's consumers are corrected by.
     *
     * @param correction C, {@code [width, width]}, row by row: row i estimates channel i of d
     * @param ridge what was used
     * @param error {@code sum |d - C y|^2 / sum |z|^2} over the held-out tokens, with z the LayerNorm's output and a C that has not seen them
     * @param amplification {@code sum (I + C)_ij^2 y_j^2 / sum y_j^2}: how much larger than without a correction the error is that rounding the
     *     consumers' weights makes, each by a share of itself
     */
    record Solution(float[] correction, double ridge, double error, double amplification) {}

    NormRegression(int width, Workers workers) {
        this.width = width;
        this.workers = workers;
        gram = new double[width][width];
        cross = new double[width][width];
    }

    /**
     * Adds tokens.
     *
     * @param y the RMSNorm's outputs, {@code [tokens, width]}
     * @param d what they lack of the LayerNorm's
     * @param held whether they are held out
     */
    void add(float[] y, float[] d, boolean held) {
        if (held) {
            heldOut.add(new Rows(y, d));
        } else {
            accumulate(y, d);
        }
    }

    private void accumulate(float[] y, float[] d) {
        int tokens = y.length / width;
        for (int from = 0; from < tokens; from += PIECE) {
            int count = Math.min(PIECE, tokens - from);
            double[][] left = rows(y, from, count);
            double[][] right = rows(d, from, count);
            int blocks = Math.ceilDiv(width, COLUMNS);
            workers.run(2 * blocks, task -> {
                // The longest columns of the triangle first.
                int block = blocks - 1 - task % blocks;
                int start = block * COLUMNS;
                int end = Math.min(width, start + COLUMNS);
                if (task < blocks) {
                    RowProducts.add(left, right, cross, 1, new RowProducts.Range(0, count, 0, width, start, end));
                } else {
                    RowProducts.add(left, left, gram, 1, new RowProducts.Range(0, count, 0, end, start, end));
                }
            });
        }
    }

    private double[][] rows(float[] values, int from, int count) {
        var rows = new double[count][width];
        for (int row = 0; row < count; row++) {
            for (int i = 0, at = (from + row) * width; i < width; i++) {
                rows[row][i] = values[at + i];
            }
        }
        return rows;
    }

    /**
     * Chooses the ridge, unless it is given, and solves. Nothing can be added afterwards.
     *
     * @param ridge as a share of the mean of G's diagonal; NaN to choose it
     * @return the correction
     * @throws CalibrationException if the equations cannot be solved
     */
    Solution solve(double ridge) {
        double[] choice = Double.isNaN(ridge) ? choose() : new double[] {ridge, heldOutError(ridge)};
        double chosen = choice[0];
        double error = choice[1];
        heldOut.forEach(rows -> accumulate(rows.y, rows.d));
        Cholesky factor = Cholesky.of(gram, shift(chosen), workers);
        if (factor == null) {
            throw new CalibrationException("[calibration] a norm's least squares cannot be solved with ridge %s; give more text or a larger --ridge"
                    .formatted(chosen));
        }
        factor.solve(cross);
        return new Solution(transposed(cross), chosen, error, amplification());
    }

    /** Once {@link #cross} is the solution. */
    private double amplification() {
        double with = 0;
        double without = 0;
        for (int j = 0; j < width; j++) {
            double column = 0;
            for (int i = 0; i < width; i++) {
                double entry = cross[j][i] + (i == j ? 1 : 0);
                column += entry * entry;
            }
            with += column * gram[j][j];
            without += gram[j][j];
        }
        return with / without;
    }

    /** The ridge that misses the least of the held-out tokens, and what it misses. */
    private double[] choose() {
        double[] choice = {Double.NaN, Double.POSITIVE_INFINITY};
        for (double ridge = LEAST_RIDGE; ridge <= LARGEST_RIDGE; ridge *= RIDGE_STEP) {
            double error = heldOutError(ridge);
            if (error < choice[1]) {
                choice = new double[] {ridge, error};
            } else if (error > FAR_FROM_BEST * choice[1]) {
                break;
            }
        }
        return choice;
    }

    private double shift(double ridge) {
        double trace = 0;
        for (int i = 0; i < width; i++) {
            trace += gram[i][i];
        }
        return ridge * trace / width;
    }

    /** NaN if there is no solution. */
    private double heldOutError(double ridge) {
        Cholesky factor = Cholesky.of(gram, shift(ridge), workers);
        if (factor == null) {
            return Double.NaN;
        }
        int channels = Math.min(CHANNELS, width);
        var some = new double[width][channels];
        for (int j = 0; j < width; j++) {
            for (int q = 0; q < channels; q++) {
                some[j][q] = cross[j][channel(q, channels)];
            }
        }
        factor.solve(some);
        double rest = 0;
        double all = 0;
        for (Rows rows : heldOut) {
            int tokens = rows.y.length / width;
            for (int from = 0; from < tokens; from += PIECE) {
                int count = Math.min(PIECE, tokens - from);
                double[] sums = errors(rows, from, count, some, channels);
                rest += sums[0];
                all += sums[1];
            }
        }
        return rest / all;
    }

    private int channel(int q, int channels) {
        return (int) ((long) q * width / channels);
    }

    /** The sums of |d - C y|^2 and of |z|^2 over some tokens and the chosen channels. */
    private double[] errors(Rows rows, int from, int count, double[][] solution, int channels) {
        var y = new double[width][count];
        for (int t = 0; t < count; t++) {
            for (int j = 0; j < width; j++) {
                y[j][t] = rows.y[(from + t) * width + j];
            }
        }
        var left = new double[channels][count];
        double all = 0;
        for (int q = 0; q < channels; q++) {
            for (int t = 0; t < count; t++) {
                left[q][t] = rows.d[(from + t) * width + channel(q, channels)];
                double z = left[q][t] + y[channel(q, channels)][t];
                all += z * z;
            }
        }
        workers.run(Math.ceilDiv(channels, 32), task -> RowProducts.add(solution, y, left, -1,
                new RowProducts.Range(0, width, task * 32, Math.min(channels, task * 32 + 32), 0, count)));
        double rest = 0;
        for (double[] channel : left) {
            for (double value : channel) {
                rest += value * value;
            }
        }
        return new double[] {rest, all};
    }

    private float[] transposed(double[][] columns) {
        var values = new float[Math.multiplyExact(width, width)];
        for (int j = 0; j < width; j++) {
            for (int i = 0; i < width; i++) {
                values[i * width + j] = (float) columns[j][i];
            }
        }
        return values;
    }
}
