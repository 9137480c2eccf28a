package kept.calibration;

import java.util.ArrayList;
import java.util.List;
import kept.backend.LeastSquares;
import kept.linalg.NotPositiveDefiniteException;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The least squares of one norm: predicts d, the difference between the LayerNorm's and the RMSNorm's output, from the RMSNorm's output y. With
 * {@code G = sum y y^T} and {@code D = sum d y^T} over tokens, {@code C = D (G + ridge mean(diag G) I)^-1} minimises
 * {@code sum |d - C y|^2 + ridge mean(diag G) |C|^2}.
 *
 * <p>Some tokens are held out to choose the ridge with the smallest error on them; the final solution includes them. All of it is computed on the
 * device if that has f64 arithmetic, else on the host.
 */
final class NormRegression implements AutoCloseable {
    /** Ridges are tried in ascending order until the error is far from the best one. */
    private static final double MIN_RIDGE = 1e-9;
    private static final double MAX_RIDGE = 1.5e-2;
    private static final double RIDGE_STEP = 10;
    private static final double FAR_FROM_BEST = 1.5;
    /** The ridge is chosen on at most this many channels of d, each an equation of its own. */
    private static final int CHANNELS = 256;

    private final Device device;
    private final int width;
    private final LeastSquares equations;
    private final List<Rows> heldOut = new ArrayList<>();
    /** Owns the held-out rows; null while there are none. */
    private Scope scope;

    /** Outputs of some tokens, {@code [tokens, width]} each. */
    private record Rows(Tensor y, Tensor d) {}

    /**
     * The correction for the projections that read a norm.
     *
     * @param correction C, {@code [width, width]}, row-major: row i predicts channel i of d
     * @param ridge what was used
     * @param error {@code sum |d - C y|^2 / sum |z|^2} over the held-out tokens, with z the LayerNorm's output and C fitted without them
     * @param constant w, {@code [width]}: w y estimates the constant 1
     */
    record Solution(float[] correction, double ridge, double error, float[] constant) {}

    NormRegression(int width, Device device) {
        this.width = width;
        this.device = device;
        equations = device.backend().leastSquares(width);
    }

    /** Clears all data for another norm. */
    void clear() {
        equations.clear();
        heldOut.clear();
        if (scope != null) {
            scope.close();
            scope = null;
        }
    }

    /**
     * Adds tokens.
     *
     * @param y the RMSNorm's outputs, {@code [tokens, width]}
     * @param d the LayerNorm's outputs minus y
     * @param held whether they are held out
     */
    void add(Tensor y, Tensor d, boolean held) {
        if (held) {
            if (scope == null) {
                scope = Scope.detached(device);
            }
            heldOut.add(scope.run(() -> new Rows(copy(y), copy(d))));
        } else {
            equations.add(y, d);
        }
    }

    private static Tensor copy(Tensor x) {
        Tensor copy = Tensor.empty(x.dtype(), x.shape());
        copy.assign(x);
        return copy;
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
        heldOut.forEach(rows -> equations.add(rows.y, rows.d));
        try {
            equations.factor(shift(chosen));
        } catch (NotPositiveDefiniteException e) {
            String tried = Double.isNaN(chosen) ? "any ridge from %s to %s".formatted(MIN_RIDGE, MAX_RIDGE) : "ridge " + chosen;
            throw new CalibrationException("[calibration] a norm's least squares cannot be solved with %s; give more text or a larger --ridge"
                    .formatted(tried), e);
        }
        LeastSquares.Solution solution = equations.solve();
        return new Solution(solution.matrix(), chosen, error, solution.constant());
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
        return ridge * equations.trace() / width;
    }

    /** NaN if there is no solution. */
    private double heldOutError(double ridge) {
        try {
            equations.factor(shift(ridge));
        } catch (NotPositiveDefiniteException _) {
            return Double.NaN;
        }
        equations.fit(Math.min(CHANNELS, width));
        heldOut.forEach(rows -> equations.evaluate(rows.y, rows.d));
        LeastSquares.Errors errors = equations.errors();
        return errors.missed() / errors.all();
    }

    @Override
    public void close() {
        clear();
        equations.close();
    }
}
