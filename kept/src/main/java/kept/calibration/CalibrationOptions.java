package kept.calibration;

import java.nio.file.Path;

/**
 * The user's options for a calibration.
 *
 * @param anchor the constant added to the embeddings, relative to their RMS; NaN to search for it on the calibration text
 * @param ridge the regularisation added to the diagonal of each norm's equations, relative to its mean; NaN to choose it automatically
 * @param spill an existing directory for the residual streams of all tokens; null to keep them in memory
 */
public record CalibrationOptions(double anchor, double ridge, Path spill) {
    /** The usual anchor: the one that the search has chosen for every teacher so far (docs/fidelity.md). */
    public static final double USUAL_ANCHOR = 0.1;
    /** The usual anchor, a ridge that is chosen automatically, and the streams in memory. */
    public static final CalibrationOptions DEFAULTS = new CalibrationOptions(USUAL_ANCHOR, Double.NaN, null);

    /**
     * Validates the ranges.
     *
     * @throws IllegalArgumentException if a number is negative or infinite
     */
    public CalibrationOptions {
        require("anchor", anchor);
        require("ridge", ridge);
    }

    private static void require(String name, double value) {
        if (value < 0 || Double.isInfinite(value)) {
            throw new IllegalArgumentException("[calibration] the %s must be a number and at least 0, not %s".formatted(name, value));
        }
    }
}
