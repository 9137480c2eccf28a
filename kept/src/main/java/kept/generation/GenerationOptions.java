package kept.generation;

import java.util.List;
import java.util.Set;

/**
 * Options for generating text.
 *
 * @param sampling the sampling options
 * @param seed the random seed; every prompt has its own generator derived from it, so its text does not depend on the other prompts
 * @param maxTokens the maximum number of generated tokens, at least 1
 * @param stops strings that end generation and are not part of the text; none is empty
 * @param ends ids of tokens that end generation
 */
public record GenerationOptions(SamplingOptions sampling, long seed, int maxTokens, List<String> stops, Set<Integer> ends) {
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
}
