package kept.generation;

import java.util.List;
import java.util.Set;
import kept.tensor.DType;

/**
 * Options for generating text.
 *
 * @param sampling the sampling options
 * @param seed the random seed; every prompt has its own generator derived from it, so its text does not depend on the other prompts
 * @param maxTokens the maximum number of generated tokens, at least 1
 * @param stops strings that end generation and are not part of the text; none is empty
 * @param ends ids of tokens that end generation
 * @param cacheType the dtype of cached keys and values, BF16 or that of the model's activations; null for the latter
 */
public record GenerationOptions(SamplingOptions sampling, long seed, int maxTokens, List<String> stops, Set<Integer> ends, DType cacheType) {
    /**
     * Options with a cache in the dtype of the model's activations.
     *
     * @param sampling the sampling options
     * @param seed the random seed
     * @param maxTokens the maximum number of generated tokens, at least 1
     * @param stops strings that end generation
     * @param ends ids of tokens that end generation
     * @throws IllegalArgumentException if {@code maxTokens} is below 1 or a stop string is empty
     */
    public GenerationOptions(SamplingOptions sampling, long seed, int maxTokens, List<String> stops, Set<Integer> ends) {
        this(sampling, seed, maxTokens, stops, ends, null);
    }

    /**
     * Validates the values.
     *
     * @throws IllegalArgumentException if {@code maxTokens} is below 1 or a stop string is empty
     */
    public GenerationOptions {
        if (maxTokens < 1) {
            throw new IllegalArgumentException("[generate] at least 1 token must be allowed, not " + maxTokens);
        }
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("[generate] a stop string is empty, and would end every text before it begins");
        }
        stops = List.copyOf(stops);
        ends = Set.copyOf(ends);
    }

    /**
     * The same options with another type of cached keys and values.
     *
     * @param type BF16 or the dtype of the model's activations; null for the latter
     * @return the options
     */
    public GenerationOptions withCacheType(DType type) {
        return new GenerationOptions(sampling, seed, maxTokens, stops, ends, type);
    }
}
