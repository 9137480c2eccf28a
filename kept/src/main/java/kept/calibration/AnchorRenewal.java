package kept.calibration;

import java.util.ArrayList;
import java.util.List;

/**
 * Fits the MLP neuron that renews the anchor. After the MLP, the mean of the residual stream should be a fixed multiple of its RMS, so that the next
 * norms have a constant to carry their biases. The neuron reads e, the mean of its norm's output before the weight, which decreases as the stream
 * grows, and q, an estimate of the constant 1; it adds {@code silu(k e / mean(e)) (a e + b q)} to every channel. k is chosen from a list; a and b are
 * fitted by least squares to the missing mean, in units of the stream's RMS.
 */
final class AnchorRenewal {
    /**
     * Candidates for k, the sharpness of the gate. SiLU has its minimum at -1.28; for smaller arguments it returns to zero roughly like 1/e. Larger
     * magnitudes overshoot.
     */
    private static final double[] SHARPNESS = {-1.5, -2, -2.5, -3, -3.5, -4, -4.5, -5, -5.5, -6};
    /** Relative to the diagonal, because e and q may be almost equal. */
    private static final double RIDGE = 1e-9;

    private final double level;
    private final List<Tokens> parts = new ArrayList<>();

    /** The data of some tokens, one element per token. */
    private record Tokens(float[] e, float[] q, float[] size, float[] anchor, boolean held) {}

    /**
     * The parameters of the neuron.
     *
     * @param gate k / mean(e), the factor of e
     * @param ofReading a
     * @param ofConstant b
     * @param error the mean square of the remaining anchor error on held-out tokens, relative to the anchor's mean square
     */
    record Fit(double gate, double ofReading, double ofConstant, double error) {}

    /**
     * Creates a fit without data.
     *
     * @param level the target mean of the stream, relative to its RMS
     */
    AnchorRenewal(double level) {
        this.level = level;
    }

    /**
     * Adds tokens.
     *
     * @param e the reading of the anchor
     * @param q the estimate of the constant 1
     * @param size the RMS of the teacher's centred residual stream after the MLP
     * @param anchor the mean of the student's residual stream before the MLP
     * @param held whether the tokens are held out
     */
    void add(float[] e, float[] q, float[] size, float[] anchor, boolean held) {
        parts.add(new Tokens(e, q, size, anchor, held));
    }

    /**
     * Fits the neuron.
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

    /** Fits a and b to all tokens, or to those not held out. */
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
