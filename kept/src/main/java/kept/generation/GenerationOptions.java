package kept.generation;

import java.util.List;
import java.util.Set;

/**
 * How prompts are continued.
 *
 * @param sampling how tokens are chosen
 * @param seed of the random choice; every prompt has random numbers of its own from it, so that its text does not depend on its neighbours
 * @param maxTokens the most tokens to add, at least 1
 * @param stops strings that end a text and are not part of it; none is empty
 * @param ends ids of tokens that end a text
 */
public record GenerationOptions(SamplingOptions sampling, long seed, int maxTokens, List<String> stops, Set<Integer> ends) {
    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if no token is allowed or a stop string is empty
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
