package kept.calibration;

import java.nio.file.Path;

/**
 * What a user may decide about a calibration.
 *
 * @param anchor the constant of the embeddings, in units of their root mean square; NaN to choose it by the text
 * @param ridge what is added to the diagonal of each norm's equations, as a share of its mean; NaN to choose it by the text
 * @param spill an existing directory that holds the streams of all tokens, where memory would not; null for memory
 */
public record CalibrationOptions(double anchor, double ridge, Path spill) {
    /** Everything is chosen by the text, and memory holds the streams. */
    public static final CalibrationOptions DEFAULTS = new CalibrationOptions(Double.NaN, Double.NaN, null);

    /**
     * Checks the ranges.
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
