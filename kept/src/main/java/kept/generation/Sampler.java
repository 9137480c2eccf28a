package kept.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import kept.tensor.TensorException;

/**
 * Chooses the next token from its logits according to {@link SamplingOptions}: greedily at temperature 0, else randomly among the
 * remaining candidates.
 *
 * <p>Deterministic: the same seed, options, logits and earlier tokens give the same tokens.
 */
final class Sampler {
    private final SamplingOptions options;
    private final SplittableRandom random;

    /**
     * Creates a sampler for one sequence.
     *
     * @param options how to choose
     * @param seed the random seed
     */
    Sampler(SamplingOptions options, long seed) {
        this.options = options;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Chooses a token.
     *
     * @param logits {@code [vocabulary]}
     * @param occurred the tokens of the sequence so far, including the prompt
     * @return the token's id
     * @throws TensorException if a logit is infinite or NaN
     */
    public int next(float[] logits, BitSet occurred) {
        float[] scores = penalised(logits, occurred);
        if (options.temperature() == 0) {
            return likeliest(scores);
        }
        Candidates candidates = candidates(scores);
        double left = random.nextDouble() * candidates.total();
        int chosen = 0;
        while (chosen < candidates.count() - 1 && left >= candidates.weights()[chosen]) {
            left -= candidates.weights()[chosen++];
        }
        return candidates.ids()[chosen];
    }

    /**
     * Returns the sampling probabilities.
     *
     * @param logits {@code [vocabulary]}
     * @param occurred the tokens of the sequence so far, including the prompt
     * @return {@code [vocabulary]}; zero for tokens that cannot be chosen
     * @throws TensorException if a logit is infinite or NaN
     */
    public double[] probabilities(float[] logits, BitSet occurred) {
        var probabilities = new double[logits.length];
        float[] scores = penalised(logits, occurred);
        if (options.temperature() == 0) {
            probabilities[likeliest(scores)] = 1;
            return probabilities;
        }
        Candidates candidates = candidates(scores);
        for (int i = 0; i < candidates.count(); i++) {
            probabilities[candidates.ids()[i]] = candidates.weights()[i] / candidates.total();
        }
        return probabilities;
    }

    /** Applies the repetition penalty, in f32 as PyTorch does. */
    private float[] penalised(float[] logits, BitSet occurred) {
        float[] scores = logits.clone();
        float penalty = (float) options.repetitionPenalty();
        for (int id = occurred.nextSetBit(0); penalty != 1 && id >= 0 && id < scores.length; id = occurred.nextSetBit(id + 1)) {
            scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
        }
        for (float score : scores) {
            if (!(score < Float.POSITIVE_INFINITY)) {
                throw new TensorException(
                        "[sampler] a logit is infinite or not a number; the checkpoint's weights are damaged or overflow their type");
            }
        }
        return scores;
    }

    private static int likeliest(float... scores) {
        int best = 0;
        for (int id = 1; id < scores.length; id++) {
            if (scores[id] > scores[best]) {
                best = id;
            }
        }
        return best;
    }

    /** The remaining candidates: ids and weights in descending order, and the sum of the first {@code count} weights. */
    private record Candidates(int[] ids, double[] weights, int count, double total) { }

    private Candidates candidates(float... scores) {
        int[] ids = descending(scores);
        float temperature = (float) options.temperature();
        int count = ids.length;
        if (options.topK() > 0 && options.topK() < count) {
            count = options.topK();
            while (count < ids.length && scores[ids[count]] == scores[ids[options.topK() - 1]]) {
                count++;
            }
        }
        double best = scores[ids[0]] / temperature;
        if (Double.isInfinite(best)) {
            count = 1;      // so low a temperature leaves the most likely token only
        }
        var weights = new double[count];
        double total = 0;
        for (int i = 0; i < count; i++) {
            double score = scores[ids[i]] / temperature;
            weights[i] = score == best ? 1 : Math.exp(score - best);
            total += weights[i];
        }
        double rest = total;
        int kept = count;
        // Removes the least likely tokens as long as their sum stays within 1 - top-p.
        double tail = 0;
        while (options.topP() < 1 && kept > 1 && tail + weights[kept - 1] <= (1 - options.topP()) * total) {
            tail += weights[--kept];
        }
        rest -= tail;
        while (kept > 1 && weights[kept - 1] < options.minP() * weights[0]) {
            rest -= weights[--kept];
        }
        return new Candidates(ids, weights, kept, rest);
    }

    /** The ids in descending order of scores; ties by ascending id, which PyTorch's sort leaves undefined. */
    private static int[] descending(float... scores) {
        var keys = new long[scores.length];
        for (int id = 0; id < keys.length; id++) {
            int bits = Float.floatToIntBits(scores[id] + 0f);
            int ascending = bits < 0 ? ~bits & Integer.MAX_VALUE | Integer.MIN_VALUE : bits;
            keys[id] = (long) ~ascending << Integer.SIZE | id;
        }
        Arrays.sort(keys);
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }
}
