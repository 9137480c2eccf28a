package kept.model;

import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;

/**
 * Chooses the next token from its logits: the likeliest at temperature 0, else a random one among the likeliest.
 *
 * <p>The same seed, settings and logits give the same tokens.
 */
public final class Sampler {
    private final double temperature;
    private final int topK;
    private final double topP;
    private final SplittableRandom random;

    /**
     * A sampler.
     *
     * @param temperature what logits are divided by; 0 always takes the likeliest token
     * @param topK how many of the likeliest tokens to choose from; 0 for all
     * @param topP choose from the fewest tokens whose probabilities add up to this; 1 for all
     * @param seed of the random choice
     */
    public Sampler(double temperature, int topK, double topP, long seed) {
        if (!(temperature >= 0) || topK < 0 || !(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("[sampler] temperature %s, top-k %d, top-p %s: at least 0, at least 0, above 0 to 1"
                    .formatted(temperature, topK, topP));
        }
        this.temperature = temperature;
        this.topK = topK;
        this.topP = topP;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Chooses a token.
     *
     * @param logits one for each token of the vocabulary
     * @return the token's id
     */
    public int next(float... logits) {
        Integer[] order = new Integer[logits.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingDouble(i -> -logits[i]));
        if (temperature == 0) {
            return order[0];
        }
        int candidates = topK == 0 ? logits.length : Math.min(topK, logits.length);
        double[] weights = new double[candidates];
        double total = 0;
        for (int i = 0; i < candidates; i++) {
            weights[i] = Math.exp((logits[order[i]] - logits[order[0]]) / temperature);
            total += weights[i];
        }
        double kept = 0;
        int count = 0;
        while (count < candidates && kept < topP * total) {
            kept += weights[count++];
        }
        double left = random.nextDouble() * kept;
        int chosen = 0;
        while (chosen < count - 1 && left >= weights[chosen]) {
            left -= weights[chosen++];
        }
        return order[chosen];
    }
}
