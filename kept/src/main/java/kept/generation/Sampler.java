package kept.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import kept.tensor.TensorException;

/**
 * Chooses the next token from its logits according to {@link SamplingOptions}: greedily at temperature 0, else randomly among the
 * remaining candidates.
 *
 * <p>Deterministic: the same seed, options, logits and earlier tokens give the same tokens.
 */
final class Sampler {
    /** Number of most likely tokens that are looked at first, and the factor by which it grows where they are too few. */
    private static final int FEW = 64;
    private static final int GROWTH = 8;
    /** More tokens are needed for a choice. */
    private static final int MORE = -1;
    /** The choice depends on the rounding of sums. */
    private static final int UNDECIDED = -2;

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
            return mostLikely(scores);
        }
        double point = random.nextDouble();
        return fromMostLikely(point, scores).orElseGet(() -> {
            Candidates candidates = candidates(scores);
            double left = point * candidates.total();
            int chosen = 0;
            while (chosen < candidates.count() - 1 && left >= candidates.weights()[chosen]) {
                left -= candidates.weights()[chosen++];
            }
            return candidates.ids()[chosen];
        });
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
            probabilities[mostLikely(scores)] = 1;
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

    private static int mostLikely(float... scores) {
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
        int[] ids = TopScores.descending(limitsCount(scores) ? options.topK() : scores.length, scores);
        int count = ids.length;
        double best = score(scores[ids[0]]);
        if (Double.isInfinite(best)) {
            count = 1;      // so low a temperature leaves the most likely token only
        }
        var weights = new double[count];
        double total = 0;
        for (int i = 0; i < count; i++) {
            weights[i] = weight(scores[ids[i]], best);
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

    private boolean limitsCount(float... scores) {
        return options.topK() > 0 && options.topK() < scores.length;
    }

    private double score(float logit) {
        return logit / (float) options.temperature();
    }

    /** The probability of a token relative to that of the most likely one. */
    private double weight(float logit, double best) {
        double score = score(logit);
        return score == best ? 1 : Math.exp(score - best);
    }

    /**
     * Chooses among all tokens as {@link #candidates} does, but looks only at the most likely ones: few are needed to reach a point of the
     * distribution. The sums are rounded in another order than those of {@link #candidates}; where that could make a difference, it must decide.
     *
     * @param point place in the distribution, from 0 to 1
     * @return the token; nothing with top-k, whose candidates are few anyway, if too many tokens are needed, or if rounding could decide
     */
    private OptionalInt fromMostLikely(double point, float... scores) {
        double best = score(scores[mostLikely(scores)]);
        if (limitsCount(scores) || Double.isInfinite(best)) {
            return OptionalInt.empty();
        }
        double total = 0;
        for (float logit : scores) {
            total += weight(logit, best);
        }
        for (int size = FEW; size <= scores.length / 4; size *= GROWTH) {
            int[] ids = TopScores.descending(size, scores);
            int chosen = choose(point, Arrays.stream(ids).mapToDouble(id -> weight(scores[id], best)).toArray(), total, scores.length);
            if (chosen >= 0) {
                return OptionalInt.of(ids[chosen]);
            }
            if (chosen == UNDECIDED) {
                break;
            }
        }
        return OptionalInt.empty();
    }

    /**
     * Chooses among the most likely tokens.
     *
     * @param weights their weights in descending order
     * @param total sum of the weights of all tokens
     * @param count number of all tokens
     * @return index of the chosen token, {@link #MORE} or {@link #UNDECIDED}
     */
    private int choose(double point, double[] weights, double total, int count) {
        // Each sum of count numbers, in any order, is within count / 2^53 of its value, and fewer than eight sums matter to a comparison.
        double error = count * 0x1p-50 * total;
        var sums = new double[weights.length];
        int kept = weights.length == count ? count : Integer.MAX_VALUE;
        double rest = total;
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
            if (i > 0 && weights[i] < options.minP()) {
                kept = i;
                rest = sum;
                break;
            }
            sum += weights[i];
            sums[i] = sum;
            double beyond = total - sum - (1 - options.topP()) * total;
            if (options.topP() < 1 && Math.abs(beyond) <= error) {
                return UNDECIDED;
            }
            if (options.topP() < 1 && beyond < 0) {
                kept = i + 1;
                rest = sum;
                break;
            }
        }
        if (kept > weights.length && (options.topP() < 1 || options.minP() > 0)) {
            return MORE;
        }
        for (int i = 0; i < Math.min(kept - 1, weights.length); i++) {
            double beyond = point * rest - sums[i];
            if (Math.abs(beyond) <= error) {
                return UNDECIDED;
            }
            if (beyond < 0) {
                return i;
            }
        }
        return kept <= weights.length ? kept - 1 : MORE;
    }
}
