package kept.generation;

/**
 * How the next token is sampled, in the terms and order of Hugging Face transformers: first the repetition penalty, then, unless decoding is greedy,
 * temperature, top-k, top-p and min-p, each applied to what the previous ones left.
 *
 * @param temperature the divisor of logits; 0 for greedy decoding
 * @param topK the number of most likely tokens kept, plus ties with the last of them; 0 for all
 * @param topP keeps the smallest set of most likely tokens whose probabilities sum to at least this; 1 for all
 * @param minP keeps tokens with at least this fraction of the highest probability; 0 for all
 * @param repetitionPenalty the logits of tokens that have occurred, including in the prompt, are divided by this if positive and multiplied by it if
 *     negative; 1 for none
 */
public record SamplingOptions(double temperature, int topK, double topP, double minP, double repetitionPenalty) {
    /** Greedy decoding. */
    public static final SamplingOptions GREEDY = new SamplingOptions(0, 0, 1, 0, 1);

    /**
     * Validates the ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public SamplingOptions {
        require(temperature >= 0 && temperature < Double.POSITIVE_INFINITY, "temperature %s must be at least 0", temperature);
        require(topK >= 0, "top-k %s must be at least 0", topK);
        require(topP > 0 && topP <= 1, "top-p %s must be above 0 and at most 1", topP);
        require(minP >= 0 && minP <= 1, "min-p %s must be from 0 to 1", minP);
        require(repetitionPenalty > 0 && repetitionPenalty < Double.POSITIVE_INFINITY, "repetition penalty %s must be above 0", repetitionPenalty);
    }

    private static void require(boolean condition, String rule, Object value) {
        if (!condition) {
            throw new IllegalArgumentException("[sampler] " + rule.formatted(value));
        }
    }
}
