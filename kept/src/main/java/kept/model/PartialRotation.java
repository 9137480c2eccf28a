package kept.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import kept.nn.RopeScaling;
import kept.tensor.TensorException;

/**
 * How a Llama, which rotates all D features of a head, rotates only the first R as another model does. A Llama rotates the features i and
 * {@code i + D / 2} together, the other model i and {@code i + R / 2}; the features are therefore in another {@linkplain #order order}. The
 * frequencies of the pairs that are not rotated are divided by a number so large that their angles are 0 at every position
 * ({@link RopeScaling.LongRope}), and those of the others by the ratio of the Llama's frequency to the source's.
 *
 * @param headDimension D
 * @param rotaryDimension R, at most D
 */
public record PartialRotation(int headDimension, int rotaryDimension) {
    /** The divisor that stops a frequency: the sine of the angle of position 2^30 is below 2^-33, which a float's cosine of 1 does not see. */
    private static final double STOP = 0x1p64;

    /**
     * The rotation of a model.
     *
     * @param config its configuration
     * @return how a Llama does it
     */
    public static PartialRotation of(DecoderConfig config) {
        return new PartialRotation(config.headDimension(), config.rotaryDimension());
    }

    /**
     * Whether all features are rotated, so that a Llama needs neither another order nor other frequencies.
     *
     * @return true if R is D
     */
    public boolean isWhole() {
        return rotaryDimension == headDimension;
    }

    /**
     * The order of the features of queries and keys.
     *
     * @return for each feature of the Llama's head the source's, {@code [D]}
     */
    public int[] order() {
        int half = headDimension / 2;
        int pairs = rotaryDimension / 2;
        var order = new int[headDimension];
        int next = rotaryDimension;
        for (int feature = 0; feature < headDimension; feature++) {
            int pair = feature % half;
            order[feature] = pair >= pairs ? next++ : feature < half ? pair : pair + pairs;
        }
        return order;
    }

    /**
     * The scaling with which a Llama rotates as a source.
     *
     * @param source its configuration
     * @throws TensorException if a part of a head is rotated with frequencies that are scaled otherwise than linearly
     */
    static RopeScaling scaling(DecoderConfig source) {
        PartialRotation rotation = of(source);
        if (rotation.isWhole()) {
            return source.ropeScaling();
        }
        double factor = switch (source.ropeScaling()) {
            case RopeScaling.None _ -> 1;
            case RopeScaling.Linear linear -> linear.factor();
            case RopeScaling.DynamicNtk _, RopeScaling.Llama3 _, RopeScaling.Yarn _, RopeScaling.LongRope _ -> throw new TensorException(
                ("[llama] %d of a head's %d features are rotated, with frequencies scaled by %s; of a part of a head only unscaled and linearly "
                    + "scaled ones are mapped: remove rope_scaling from config.json if the model was trained without it, or distil into a Llama "
                    + "(distill --student)")
                    .formatted(rotation.rotaryDimension, rotation.headDimension, RopeScalingNames.type(source.ropeScaling())));
        };
        List<Double> factors = new ArrayList<>(Collections.nCopies(source.headDimension() / 2, STOP));
        for (int pair = 0; pair < source.rotaryDimension() / 2; pair++) {
            double exponent = 2.0 * pair / source.rotaryDimension() - 2.0 * pair / source.headDimension();
            factors.set(pair, factor * Math.pow(source.ropeTheta(), exponent));
        }
        return new RopeScaling.LongRope(factors, factors, source.maxPositions(), 1);
    }
}
