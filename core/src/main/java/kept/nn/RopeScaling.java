package kept.nn;

import java.util.List;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * A scaling of rotary position embeddings, which extends the context beyond the training length.
 *
 * <p>With the head dimension {@code d}, the base {@code theta} and the pair index {@code i} in {@code [0, d / 2)}, the unscaled inverse frequencies
 * are {@code f_i = theta^(-2i / d)}, and position {@code p} rotates pair {@code i} by the angle {@code p f_i}. A scaling replaces {@code f_i}, and
 * YaRN also multiplies the cosines and sines. The formulas are those of Hugging Face transformers ({@code modeling_rope_utils.py}), which is the
 * reference for checkpoints in its format; each record also names its own source. This type only holds the numbers; {@link RotaryEmbedding} computes
 * the frequencies.
 */
public sealed interface RopeScaling {

    /** No scaling. Named {@code default} in config.json. */
    record None() implements RopeScaling { }

    /**
     * Position interpolation (Chen et al. 2023, arXiv 2306.15595): {@code f_i / factor}.
     *
     * @param factor the factor by which the context grows, greater than 0
     */
    record Linear(double factor) implements RopeScaling {
        /** Validates the value. */
        public Linear {
            positive("factor", factor);
        }
    }

    /**
     * Dynamic NTK-aware scaling: the base grows with the sequence. For a sequence of {@code n} positions, with
     * {@code m = max(n, originalMaxPositions)}, the base is {@code theta (factor m / originalMaxPositions - (factor - 1))^(d / (d - 2))}; up to
     * {@code originalMaxPositions} it is {@code theta} itself.
     *
     * @param factor the scaling factor, greater than 0
     * @param originalMaxPositions the length up to which frequencies are unscaled; config.json's {@code max_position_embeddings}
     */
    record DynamicNtk(double factor, int originalMaxPositions) implements RopeScaling {
        /** Validates the values. */
        public DynamicNtk {
            positive("factor", factor);
            positive("originalMaxPositions", originalMaxPositions);
        }
    }

    /**
     * The scaling of the Llama 3.1 release, by wavelength {@code w_i = 2 pi / f_i}: wavelengths shorter than {@code originalMaxPositions /
     * highFrequencyFactor} keep {@code f_i}; wavelengths longer than {@code originalMaxPositions / lowFrequencyFactor} get {@code f_i / factor};
     * between them {@code (1 - s) f_i / factor + s f_i} with {@code s = (originalMaxPositions / w_i - lowFrequencyFactor) / (highFrequencyFactor -
     * lowFrequencyFactor)}.
     *
     * @param factor the divisor of the low frequencies, greater than 0; 8 in the release
     * @param lowFrequencyFactor {@code low_freq_factor}, greater than 0; 1 in the release
     * @param highFrequencyFactor {@code high_freq_factor}, greater than {@code lowFrequencyFactor}; 4 in the release
     * @param originalMaxPositions the context length before scaling; 8192 in the release
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions) implements RopeScaling {
        /** Validates the values. */
        public Llama3 {
            positive("factor", factor);
            positive("lowFrequencyFactor", lowFrequencyFactor);
            positive("originalMaxPositions", originalMaxPositions);
            if (!(highFrequencyFactor > lowFrequencyFactor) || Double.isInfinite(highFrequencyFactor)) {
                throw new TensorException("[rope scaling] highFrequencyFactor must be greater than lowFrequencyFactor: %s and %s"
                    .formatted(highFrequencyFactor, lowFrequencyFactor));
            }
        }
    }

    /**
     * YaRN (Peng et al. 2023, arXiv 2309.00071). A pair with {@code r} rotations over the original context has the index {@code c(r) = d
     * ln(originalMaxPositions / (2 pi r)) / (2 ln theta)}. With {@code low = max(c(betaFast), 0)} and {@code high = min(c(betaSlow), d - 1)}, rounded
     * down and up first if {@code truncate}, and {@code high} increased by 0.001 where they are equal, the ramp is {@code g_i = clamp((i - low) /
     * (high - low), 0, 1)}, and the frequencies are {@code f_i / factor g_i + f_i (1 - g_i)}. Cosines and sines are multiplied by {@code
     * attentionFactor}.
     *
     * @param factor the factor by which the context grows, greater than 0
     * @param originalMaxPositions the context length before scaling
     * @param betaFast rotations over the original context above which a pair is not scaled; 32 in the paper
     * @param betaSlow rotations below which a pair is fully interpolated, at most {@code betaFast}; 1 in the paper
     * @param attentionFactor the factor of cosines and sines, greater than 0; see {@link #attentionFactor(double)}
     * @param truncate whether {@code low} and {@code high} are rounded to whole indices; true in the paper's code
     */
    record Yarn(double factor, int originalMaxPositions, double betaFast, double betaSlow, double attentionFactor, boolean truncate)
        implements RopeScaling {

        /** Validates the values. */
        public Yarn {
            positive("factor", factor);
            positive("originalMaxPositions", originalMaxPositions);
            positive("betaSlow", betaSlow);
            positive("betaFast", betaFast);
            positive("attentionFactor", attentionFactor);
            if (betaFast < betaSlow) {
                throw new TensorException("[rope scaling] betaFast must be at least betaSlow: %s and %s".formatted(betaFast, betaSlow));
            }
        }

        /**
         * The factor for cosines and sines that the paper recommends: {@code 0.1 ln(factor) + 1}, and 1 where the context does not grow.
         *
         * @param factor the factor by which the context grows
         * @return the attention factor
         */
        public static double attentionFactor(double factor) {
            return magnitude(factor, 1);
        }

        /**
         * The factor for cosines and sines of models with {@code mscale}: {@code (0.1 mscale ln(factor) + 1) / (0.1 mscaleAllDimensions ln(factor) +
         * 1)}.
         *
         * @param factor the stretch of the context
         * @param mscale config.json's {@code mscale}
         * @param mscaleAllDimensions config.json's {@code mscale_all_dim}
         * @return the attention factor
         */
        public static double attentionFactor(double factor, double mscale, double mscaleAllDimensions) {
            return magnitude(factor, mscale) / magnitude(factor, mscaleAllDimensions);
        }

        private static double magnitude(double factor, double weight) {
            return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
        }
    }

    /**
     * LongRoPE (Ding et al. 2024, arXiv 2402.13753): a divisor for each frequency, {@code f_i / factor_i}; the long factors serve sequences of more
     * than {@code originalMaxPositions} positions, the short ones all others. Cosines and sines are multiplied by {@code attentionFactor}.
     *
     * @param shortFactors the divisors for sequences of at most the original positions, {@code d / 2} numbers greater than 0
     * @param longFactors the divisors for longer sequences, as many
     * @param originalMaxPositions the context length before scaling
     * @param attentionFactor the factor of cosines and sines, greater than 0; see {@link #attentionFactor(double, int)}
     */
    record LongRope(List<Double> shortFactors, List<Double> longFactors, int originalMaxPositions, double attentionFactor) implements RopeScaling {
        /** Validates the values. */
        public LongRope {
            shortFactors = checked("a short factor", shortFactors);
            longFactors = checked("a long factor", longFactors);
            positive("originalMaxPositions", originalMaxPositions);
            positive("attentionFactor", attentionFactor);
            if (shortFactors.size() != longFactors.size()) {
                throw new TensorException("[rope scaling] there must be as many long factors as short ones, not %d and %d"
                    .formatted(longFactors.size(), shortFactors.size()));
            }
        }

        private static List<Double> checked(String name, List<Double> factors) {
            for (Double factor : Arguments.present("rope scaling", "the list of factors", factors)) {
                positive(name, Arguments.present("rope scaling", name, factor));
            }
            return List.copyOf(factors);
        }

        /**
         * The factor for cosines and sines that the paper recommends: {@code sqrt(1 + ln(factor) / ln(originalMaxPositions))}, and 1 where the
         * context does not grow.
         *
         * @param factor the factor by which the context grows
         * @param originalMaxPositions the context length before scaling
         * @return the attention factor
         */
        public static double attentionFactor(double factor, int originalMaxPositions) {
            return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
        }
    }

    private static void positive(String name, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new TensorException("[rope scaling] %s must be a finite number greater than 0, not %s".formatted(name, value));
        }
    }
}
