package kept.calibration;

import java.util.ArrayList;
import java.util.List;

/**
 * The neuron of an MLP that renews the anchor: behind the MLP the stream's mean is to be a fixed share of its size, so that the norms that follow
 * have a constant to carry their biases. The neuron reads e, the mean of what its norm gives before the weight, which falls as the stream grows, and
 * q, an estimate of the constant 1; it adds {@code silu(k e / mean(e)) (a e + b q)} to every channel. k is one of a few; a and b are least squares of
 * what the mean lacks, in units of the stream's size.
 */
final class AnchorRenewal {
    /** How fast the gate falls. SiLU has its least value at -1.28; below it comes back to zero as 1/e does, about. Sharper ones overshoot. */
    private static final double[] SHARPNESS = {-1.5, -2, -2.5, -3, -3.5, -4, -4.5, -5, -5.5, -6};
    /** Of the diagonal: e and q may be all but the same. */
    private static final double RIDGE = 1e-9;

    private final double level;
    private final List<Tokens> parts = new ArrayList<>();

    /** What the fit knows of some tokens, an element each. */
    private record Tokens(float[] e, float[] q, float[] size, float[] anchor, boolean held) {}

    /**
     * What the neuron computes.
     *
     * @param gate k / mean(e), what e is multiplied by
     * @param ofReading a
     * @param ofConstant b
     * @param error the mean square of what the anchor misses of the held-out tokens, as a share of the anchor's
     */
    record Fit(double gate, double ofReading, double ofConstant, double error) {}

    /**
     * A fit that has seen nothing.
     *
     * @param level what the stream's mean is to be, as a share of its size
     */
    AnchorRenewal(double level) {
        this.level = level;
    }

    /**
     * Adds tokens.
     *
     * @param e what is read of the anchor
     * @param q the estimate of 1
     * @param size the root mean square of the teacher's stream behind the MLP, centred
     * @param anchor the student's stream's mean before it
     * @param held whether the tokens are held out
     */
    void add(float[] e, float[] q, float[] size, float[] anchor, boolean held) {
        parts.add(new Tokens(e, q, size, anchor, held));
    }

    /**
     * Fits.
     *
     * @return the neuron; null if there is no anchor to read
     */
    Fit solve() {
        double sum = 0;
        long count = 0;
        for (Tokens tokens : parts) {
            for (float e : tokens.e) {
                sum += e;
            }
            count += tokens.e.length;
        }
        double mean = sum / count;
        if (!(mean > 0)) {
            return null;
        }
        Fit best = null;
        for (double sharpness : SHARPNESS) {
            double gate = sharpness / mean;
            double[] fitted = coefficients(gate, false);
            double error = error(gate, fitted);
            if (best == null || error < best.error) {
                double[] all = coefficients(gate, true);
                best = new Fit(gate, all[0], all[1], error);
            }
        }
        return best;
    }

    /** a and b, from the tokens that are not held out, or from all. */
    private double[] coefficients(double gate, boolean all) {
        double ee = 0;
        double eq = 0;
        double qq = 0;
        double et = 0;
        double qt = 0;
        for (Tokens tokens : parts) {
            for (int i = 0; i < (all || !tokens.held ? tokens.e.length : 0); i++) {
                double gated = silu(gate * tokens.e[i]) / tokens.size[i];
                double e = gated * tokens.e[i];
                double q = gated * tokens.q[i];
                double target = level - tokens.anchor[i] / tokens.size[i];
                ee += e * e;
                eq += e * q;
                qq += q * q;
                et += e * target;
                qt += q * target;
            }
        }
        ee *= 1 + RIDGE;
        qq *= 1 + RIDGE;
        double determinant = ee * qq - eq * eq;
        return new double[] {(et * qq - qt * eq) / determinant, (qt * ee - et * eq) / determinant};
    }

    private double error(double gate, double... coefficients) {
        double sum = 0;
        long count = 0;
        for (Tokens tokens : parts) {
            for (int i = 0; i < (tokens.held ? tokens.e.length : 0); i++) {
                double added = silu(gate * tokens.e[i]) * (coefficients[0] * tokens.e[i] + coefficients[1] * tokens.q[i]);
                double missed = level - (tokens.anchor[i] + added) / tokens.size[i];
                sum += missed * missed;
                count++;
            }
        }
        return sum / count / (level * level);
    }

    private static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }
}
