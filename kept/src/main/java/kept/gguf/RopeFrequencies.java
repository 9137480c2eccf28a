package kept.gguf;

import kept.nn.RopeScaling;

/** The tensor {@code rope_freqs.weight}: llama.cpp divides each rotary frequency by its element. */
final class RopeFrequencies {
    private RopeFrequencies() {}

    /**
     * The divisors of LongRoPE that serve every length.
     *
     * @param scaling the scaling, whose long factors are its short ones
     * @return one divisor per pair
     */
    static float[] divisors(RopeScaling.LongRope scaling) {
        var divisors = new float[scaling.shortFactors().size()];
        for (int i = 0; i < divisors.length; i++) {
            divisors[i] = scaling.shortFactors().get(i).floatValue();
        }
        return divisors;
    }

    /**
     * Computes the divisors of Llama 3's scaling. With {@code s} as in {@link RopeScaling.Llama3} a divisor is {@code 1 / ((1 - s) / factor + s)}: 1
     * for short wavelengths, {@code factor} for long ones.
     *
     * @param headDimension the head dimension {@code d}
     * @param theta the base of the frequencies
     * @param scaling the scaling
     * @return one divisor per pair, {@code d / 2} in total
     */
    static float[] divisors(int headDimension, double theta, RopeScaling.Llama3 scaling) {
        var divisors = new float[headDimension / 2];
        for (int i = 0; i < divisors.length; i++) {
            double turns = scaling.originalMaxPositions() * Math.pow(theta, -2.0 * i / headDimension) / (2 * Math.PI);
            double kept = Math.clamp(
                    (turns - scaling.lowFrequencyFactor()) / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor()), 0.0, 1.0);
            divisors[i] = (float) (1 / ((1 - kept) / scaling.factor() + kept));
        }
        return divisors;
    }
}
