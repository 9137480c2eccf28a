package kept.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import kept.tensor.TensorException;

/**
 * Chooses the next token from its logits as {@link SamplingOptions} say: the likeliest at temperature 0, else a random one among those that are left.
 *
 * <p>The same seed, options, logits and earlier tokens give the same tokens.
 */
final class Sampler {
    private final SamplingOptions options;
    private final SplittableRandom random;

    /**
     * A sampler for one sequence.
     *
     * @param options how to choose
     * @param seed of the random choice
     */
    Sampler(SamplingOptions options, long seed) {
        this.options = options;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Chooses a token.
     *
     * @param logits one for each token of the vocabulary
     * @param occurred the tokens of the sequence so far, the prompt's included
     * @return the token's id
     * @throws TensorException if a logit is infinite or not a number
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
     * The probabilities a token is chosen with.
     *
     * @param logits one for each token of the vocabulary
     * @param occurred the tokens of the sequence so far, the prompt's included
     * @return one for each token; zero for those that are never chosen
     * @throws TensorException if a logit is infinite or not a number
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

    /** Logits after the repetition penalty, whose arithmetic is that of PyTorch: in f32. */
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

    /** What is left to choose from: ids and weights, the likeliest first, and the sum of the first count weights. */
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
            count = 1;      // so low a temperature leaves the likeliest alone
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
        // From the least likely on, all whose sum is within what top-p leaves out.
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

    /** Ids in the order of falling scores; of equal ones the lower id first, where PyTorch's sorting leaves open which it is. */
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
