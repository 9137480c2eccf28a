package kept.mapping;

import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;

/**
 * The constants of {@code exact} that depend on how large a source's weights are. All are powers of two, which every type represents exactly.
 *
 * @param scale a: the factor of the stream. The smaller it is, the less of the stream is left beside the additional layer's constants; but f16 must
 *     hold the scaled weights
 * @param shift s: the carried constant, relative to a normalised stream with a root mean square of 1. The larger it is, the less the final norm's eps
 *     is seen, and the larger are the rounding errors of the head and of the last stream
 */
record ExactConstants(double scale, double shift) {
    /** The usual a of an Orion. Weights of the usual size, 0.01 to 0.1, stay normal numbers in f16. */
    private static final double ORION_SCALE = 0x1p-6;
    /**
     * The usual a of the other sources: smaller, so that the additional layer's constants are larger beside the stream, and the part of the stream
     * that remains in its output is a quarter. Weights of the usual size are then about f16's least normal number, where its rounding is as fine as
     * elsewhere.
     */
    private static final double STREAM_SCALE = 0x1p-8;
    /** The usual s. */
    private static final double SHIFT = 0x1p-3;
    /** The root mean square from which on weights are larger than usual. */
    private static final double USUAL_WEIGHT = 0x1p-6;
    /** The power of two by which a is at most divided: eps times its square is then still a normal number in f32. */
    private static final int MAX_DIVISIONS = 24;
    /** The relative error of the logits from the final norm's eps above which s is larger than usual, and that which s then leaves. */
    private static final double EPS_ERROR = 0x1p-17;
    private static final double LEFT_ERROR = 0x1p-20;
    private static final double MAX_SHIFT = 256;
    /** The last stream, as estimated, from which on a is smaller in f32. */
    private static final double USUAL_STREAM = 8;

    /**
     * The constants for trained weights of the usual size.
     *
     * @param source a source's configuration
     * @return the constants
     */
    static ExactConstants usual(DecoderConfig source) {
        return new ExactConstants(source.architecture() == Architecture.ORION ? ORION_SCALE : STREAM_SCALE, SHIFT);
    }

    /**
     * The constants for a source's weights. Where the weights are larger than usual, so is the stream, and f16 holds a smaller multiple of them: a
     * is divided by the power of two by which the smallest of the scaled matrices exceeds the usual size. In f32, whose own rounding hides less, a is
     * smaller also where the stream alone is large; and where the stream is so small, as in an untrained model, that the final norm's eps is seen
     * beside it, s is larger.
     *
     * @param source the source's configuration
     * @param weights the source's
     * @param stored the type of the target's weights
     * @return the constants
     */
    static ExactConstants of(DecoderConfig source, Weights weights, DType stored) {
        ExactConstants usual = usual(source);
        var magnitudes = new SourceMagnitudes(source, weights);
        int divisions = Math.getExponent(magnitudes.smallestWriter().orElse(USUAL_WEIGHT) / USUAL_WEIGHT);
        if (stored != DType.F32) {
            return new ExactConstants(divided(usual.scale, divisions), SHIFT);
        }
        double stream = magnitudes.stream();
        double error = source.normEps() / (2 * (stream * stream + source.normEps()));
        double shift = Math.scalb(1.0, Math.getExponent(Math.sqrt(error / LEFT_ERROR)));
        return new ExactConstants(divided(usual.scale, Math.max(divisions, Math.getExponent(stream / USUAL_STREAM))),
                error <= EPS_ERROR ? SHIFT : Math.min(shift, MAX_SHIFT));
    }

    private static double divided(double scale, int times) {
        return Math.scalb(scale, -Math.clamp(times, 0, MAX_DIVISIONS));
    }
}
