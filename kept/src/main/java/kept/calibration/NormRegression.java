package kept.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.linalg.Cholesky;
import kept.linalg.DoubleMatrix;
import kept.linalg.DoubleProducts;
import kept.linalg.NotPositiveDefiniteException;

/**
 * The least squares of one norm: predicts d, the difference between the LayerNorm's and the RMSNorm's output, from the RMSNorm's output y. With
 * {@code G = sum y y^T} and {@code D = sum d y^T} over tokens, {@code C = D (G + ridge mean(diag G) I)^-1} minimises
 * {@code sum |d - C y|^2 + ridge mean(diag G) |C|^2}.
 *
 * <p>Some tokens are held out to choose the ridge with the smallest error on them; the final solution includes them.
 */
final class NormRegression {
    /** Ridges are tried in ascending order until the error is far from the best one. */
    private static final double MIN_RIDGE = 1e-9;
    private static final double MAX_RIDGE = 1.5e-2;
    private static final double RIDGE_STEP = 10;
    private static final double FAR_FROM_BEST = 1.5;
    /** The ridge is chosen on at most this many channels of d, each an equation of its own. */
    private static final int CHANNELS = 256;
    /** Tokens converted to double at a time. */
    private static final int PIECE = 512;

    private final int width;
    /** The Gram matrix of y; only its upper triangle is maintained. */
    private final DoubleMatrix gram;
    /** The products of y (rows) and d (columns). */
    private final DoubleMatrix cross;
    /** The sum of y, a column. */
    private final DoubleMatrix sums;
    private final DoubleMatrix factor;
    private final DoubleMatrix pieceOfY;
    private final DoubleMatrix pieceOfD;
    private final List<Rows> heldOut = new ArrayList<>();

    /** Outputs of some tokens, {@code [tokens][width]} each. */
    private record Rows(float[] y, float[] d) {}

    /**
     * The correction for the projections that read a norm.
     *
     * @param correction C, {@code [width, width]}, row-major: row i predicts channel i of d
     * @param ridge what was used
     * @param error {@code sum |d - C y|^2 / sum |z|^2} over the held-out tokens, with z the LayerNorm's output and C fitted without them
     * @param constant w, {@code [width]}: w y estimates the constant 1
     */
    record Solution(float[] correction, double ridge, double error, float[] constant) {}

    NormRegression(int width) {
        this.width = width;
        gram = DoubleMatrix.zeros(width, width);
        cross = DoubleMatrix.zeros(width, width);
        sums = DoubleMatrix.zeros(width, 1);
        factor = DoubleMatrix.zeros(width, width);
        pieceOfY = DoubleMatrix.zeros(PIECE, width);
        pieceOfD = DoubleMatrix.zeros(PIECE, width);
    }

    /** Clears all data for another norm; allocating new memory would take seconds at a large width. */
    void clear() {
        Arrays.fill(gram.array(), 0);
        Arrays.fill(cross.array(), 0);
        Arrays.fill(sums.array(), 0);
        heldOut.clear();
    }

    /**
     * Adds tokens.
     *
     * @param y the RMSNorm's outputs, {@code [tokens, width]}
     * @param d the LayerNorm's outputs minus y
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
        for (int i = 0; i < y.length; i++) {
            sums.array()[i % width] += y[i];
        }
        for (int from = 0; from < tokens; from += PIECE) {
            int count = Math.min(PIECE, tokens - from);
            DoubleMatrix rows = pieceOfY.fill(y, from * width, count);
            DoubleProducts.addGram(1, rows, gram);
            DoubleProducts.addTransposedProduct(1, rows, pieceOfD.fill(d, from * width, count), cross);
        }
    }

    /**
     * Chooses the ridge unless it is given, and solves. Nothing can be added afterwards until this is cleared.
     *
     * @param ridge relative to the mean of G's diagonal; NaN to choose it automatically
     * @return the correction
     * @throws CalibrationException if the equations cannot be solved
     */
    Solution solve(double ridge) {
        double[] choice = Double.isNaN(ridge) ? choose() : new double[] {ridge, heldOutError(ridge)};
        double chosen = choice[0];
        double error = choice[1];
        heldOut.forEach(rows -> accumulate(rows.y, rows.d));
        try {
            Cholesky equations = Cholesky.of(gram, shift(chosen), factor);
            equations.solve(cross);
            equations.solve(sums);
        } catch (NotPositiveDefiniteException e) {
            throw new CalibrationException("[calibration] a norm's least squares cannot be solved with ridge %s; give more text or a larger --ridge"
                    .formatted(chosen), e);
        }
        return new Solution(transposed(cross), chosen, error, rounded(sums.array()));
    }

    /** The ridge with the smallest held-out error, and that error. */
    private double[] choose() {
        double[] choice = {Double.NaN, Double.POSITIVE_INFINITY};
        for (double ridge = MIN_RIDGE; ridge <= MAX_RIDGE; ridge *= RIDGE_STEP) {
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
            trace += gram.get(i, i);
        }
        return ridge * trace / width;
    }

    /** NaN if there is no solution. */
    private double heldOutError(double ridge) {
        int channels = Math.min(CHANNELS, width);
        DoubleMatrix some = DoubleMatrix.zeros(width, channels);
        for (int j = 0; j < width; j++) {
            for (int q = 0; q < channels; q++) {
                some.set(j, q, cross.get(j, channel(q, channels)));
            }
        }
        try {
            Cholesky.of(gram, shift(ridge), factor).solve(some);
        } catch (NotPositiveDefiniteException _) {
            return Double.NaN;
        }
        double rest = 0;
        double all = 0;
        for (Rows rows : heldOut) {
            int tokens = rows.y.length / width;
            for (int from = 0; from < tokens; from += PIECE) {
                double[] sums = errors(rows, from, Math.min(PIECE, tokens - from), some);
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
    private double[] errors(Rows rows, int from, int count, DoubleMatrix solution) {
        int channels = solution.columns();
        DoubleMatrix left = DoubleMatrix.zeros(count, channels);
        double all = 0;
        for (int t = 0; t < count; t++) {
            for (int q = 0; q < channels; q++) {
                int at = (from + t) * width + channel(q, channels);
                left.set(t, q, rows.d[at]);
                double z = (double) rows.d[at] + rows.y[at];
                all += z * z;
            }
        }
        DoubleProducts.addProduct(-1, pieceOfY.fill(rows.y, from * width, count), solution, left);
        double rest = 0;
        for (double value : left.array()) {
            rest += value * value;
        }
        return new double[] {rest, all};
    }

    private static float[] rounded(double... values) {
        var floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    private float[] transposed(DoubleMatrix columns) {
        var values = new float[Math.multiplyExact(width, width)];
        for (int i = 0; i < width; i++) {
            for (int j = 0; j < width; j++) {
                values[i * width + j] = (float) columns.get(j, i);
            }
        }
        return values;
    }
}
