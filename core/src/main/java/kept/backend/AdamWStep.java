package kept.backend;

/**
 * The numbers of one AdamW step (Loshchilov and Hutter, arXiv 1711.05101).
 *
 * @param step the step's number, from 1: the bias corrections are {@code 1 - beta^step}
 * @param learningRate the learning rate of this step
 * @param beta1 the decay of the first moment
 * @param beta2 the decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay the decoupled weight decay: the parameter is multiplied by {@code 1 - learningRate * weightDecay}
 * @param gradientScale a factor applied to gradients first, for clipping by global norm
 * @param rounding how a BF16 parameter is rounded
 */
public record AdamWStep(
        long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double gradientScale, Rounding rounding) {
    /**
     * A step that rounds to nearest.
     *
     * @param step the step's number, from 1
     * @param learningRate the learning rate of this step
     * @param beta1 the decay of the first moment
     * @param beta2 the decay of the second moment
     * @param epsilon added to the root of the second moment
     * @param weightDecay the decoupled decay
     * @param gradientScale a factor applied to gradients first
     */
    public AdamWStep(long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double gradientScale) {
        this(step, learningRate, beta1, beta2, epsilon, weightDecay, gradientScale, Rounding.NEAREST);
    }

    /**
     * Computes the factors of the update.
     *
     * @return the factors, in f32
     */
    public Factors factors() {
        double correction1 = 1 - StrictMath.pow(beta1, step);
        double correction2 = 1 - StrictMath.pow(beta2, step);
        return new Factors((float) gradientScale, (float) beta1, (float) (1 - beta1), (float) beta2, (float) (1 - beta2),
                (float) (1 - learningRate * weightDecay), (float) (learningRate / correction1), (float) (1 / Math.sqrt(correction2)),
                (float) epsilon);
    }

    /**
     * The factors of an AdamW step in f32, computed in double precision. The learning rate and the factor of the root contain the bias corrections.
     *
     * @param gradientScale the factor of the gradient
     * @param beta1 the decay of the first moment
     * @param rest1 1 - beta1
     * @param beta2 the decay of the second moment
     * @param rest2 1 - beta2
     * @param keep the factor of weight decay
     * @param rate the learning rate, divided by the first moment's bias correction
     * @param rootFactor the factor of the second moment's root
     * @param epsilon added to the root
     */
    public record Factors(
            float gradientScale, float beta1, float rest1, float beta2, float rest2, float keep, float rate, float rootFactor, float epsilon) {}

    /**
     * How a BF16 parameter is rounded. Rounding to nearest loses an update below about 2^-9 of the parameter. Stochastic rounding takes the next
     * number away from 0 with the probability that makes the expected value exact: it adds 16 random bits to the 16 that BF16 drops. For element i
     * these are bits {@code 16 (i mod 2)} and up of word {@code i / 2 mod 4} of the block of Philox 4x32-10 for the key seed and the counter {@code
     * (i / 8, stream)}. Other parameters are always rounded to nearest.
     *
     * @param stochastic whether to round stochastically
     * @param seed the generator's key
     * @param stream distinguishes steps and parameters of one seed
     * @param first the index of the first element, where the step is that of a part of a parameter; a multiple of 8
     */
    public record Rounding(boolean stochastic, long seed, long stream, long first) {
        /** To nearest even. */
        public static final Rounding NEAREST = new Rounding(false, 0, 0);

        /**
         * Rounds a whole parameter.
         *
         * @param stochastic whether to round stochastically
         * @param seed the generator's key
         * @param stream distinguishes steps and parameters of one seed
         */
        public Rounding(boolean stochastic, long seed, long stream) {
            this(stochastic, seed, stream, 0);
        }
    }
}
