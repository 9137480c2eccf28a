package kept.generation;

/**
 * How the next token is chosen from its logits, in the words and the order of Hugging Face transformers: the repetition penalty first, then, unless
 * the likeliest token is taken anyway, temperature, top-k, top-p and min-p, each on what those before it have left.
 *
 * @param temperature what logits are divided by; 0 always takes the likeliest token
 * @param topK how many of the likeliest tokens to choose from, with all that are as likely as the last of them; 0 for all
 * @param topP choose from the fewest likeliest tokens whose probabilities add up to at least this; 1 for all
 * @param minP choose from tokens with at least this share of the likeliest one's probability; 0 for all
 * @param repetitionPenalty what the logits of tokens that have occurred, in the prompt too, are divided by where positive and multiplied with where
 *     negative; 1 for none
 */
public record SamplingOptions(double temperature, int topK, double topP, double minP, double repetitionPenalty) {
    /** The likeliest token, always. */
    public static final SamplingOptions GREEDY = new SamplingOptions(0, 0, 1, 0, 1);

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException if a value is outside its range
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
