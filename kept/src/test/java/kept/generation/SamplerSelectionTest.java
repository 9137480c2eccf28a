package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The sampler looks at the most likely tokens only, and chooses what sorting all of them gives. */
class SamplerSelectionTest {
    private static final BitSet NONE = new BitSet();
    private static final long SEED = 11;

    /** Kinds of logits. */
    enum Kind {
        /** Few tokens are likely. */
        STEEP,
        /** Most tokens are about as likely. */
        FLAT,
        /** Many tokens are exactly as likely. */
        TIED,
        /** All tokens are exactly as likely: sums are exact, and top-p meets its bound exactly. */
        EQUAL,
        /** Tokens that cannot be chosen, zeros of both signs. */
        SPECIAL;

        float[] logits(int count, RandomGenerator random) {
            var logits = new float[count];
            for (int i = 0; i < count; i++) {
                double normal = random.nextGaussian();
                logits[i] = switch (this) {
                    case STEEP -> (float) (6 * normal);
                    case FLAT -> (float) (0.01 * normal);
                    case TIED -> Math.round(2 * normal);
                    case EQUAL -> 3;
                    case SPECIAL -> i % 3 == 0 ? Float.NEGATIVE_INFINITY : i % 3 == 1 ? (float) Math.min(normal, 0) : -0f;
                };
            }
            return logits;
        }
    }

    /** Sorts all tokens, then sums in descending order: the definition of the sampler's choice. */
    private static int sorted(SamplingOptions options, float[] logits, double point) {
        int[] ids = IntStream.range(0, logits.length).boxed().sorted(Comparator.comparingDouble((Integer id) -> -logits[id] + 0.0))
                .mapToInt(Integer::intValue).toArray();
        int count = ids.length;
        if (options.topK() > 0 && options.topK() < count) {
            count = options.topK();
            while (count < ids.length && logits[ids[count]] == logits[ids[options.topK() - 1]]) {
                count++;
            }
        }
        float temperature = (float) options.temperature();
        double best = logits[ids[0]] / temperature;
        var weights = new double[count];
        double total = 0;
        for (int i = 0; i < count; i++) {
            double score = logits[ids[i]] / temperature;
            weights[i] = score == best ? 1 : Math.exp(score - best);
            total += weights[i];
        }
        int kept = count;
        double tail = 0;
        while (options.topP() < 1 && kept > 1 && tail + weights[kept - 1] <= (1 - options.topP()) * total) {
            tail += weights[--kept];
        }
        double rest = total - tail;
        while (kept > 1 && weights[kept - 1] < options.minP()) {
            rest -= weights[--kept];
        }
        double left = point * rest;
        int chosen = 0;
        while (chosen < kept - 1 && left >= weights[chosen]) {
            left -= weights[chosen++];
        }
        return ids[chosen];
    }

    private static List<SamplingOptions> options() {
        List<SamplingOptions> all = new ArrayList<>();
        for (double temperature : new double[] {0.3, 1, 2.5}) {
            for (int topK : new int[] {0, 1, 5, 50, 700, 100_000}) {
                for (double topP : new double[] {0.05, 0.5, 0.9, 0.999, 1}) {
                    for (double minP : new double[] {0, 0.02, 0.5}) {
                        all.add(new SamplingOptions(temperature, topK, topP, minP, 1));
                    }
                }
            }
        }
        return all;
    }

    @ParameterizedTest
    @EnumSource
    void theChosenTokensAreThoseOfSortingAll(Kind kind) {
        var random = new SplittableRandom(kind.ordinal());
        for (int count : new int[] {1, 7, 255, 256, 3000}) {
            float[] logits = kind.logits(count, random);
            for (SamplingOptions options : options()) {
                var sampler = new Sampler(options, SEED);
                var points = new SplittableRandom(SEED);
                for (int i = 0; i < 3; i++) {
                    assertThat(sampler.next(logits, NONE)).as("%d logits, %s", count, options)
                            .isEqualTo(sorted(options, logits, points.nextDouble()));
                }
            }
        }
    }

    /** Top-p is what the tokens after the third add up to, so that whether the fourth is kept depends on how their sum is rounded. */
    @Test
    void whereRoundingDecidesTheTokensAreThoseOfSortingAll() {
        var random = new SplittableRandom(8);
        for (int round = 0; round < 200; round++) {
            var logits = new float[300];
            for (int i = 0; i < logits.length; i++) {
                logits[i] = i % 75 == 0 ? -i * 1e-5f : (float) (-3 + random.nextGaussian());
            }
            double[] weights = IntStream.range(0, logits.length).mapToDouble(i -> Math.exp((double) logits[i])).sorted().toArray();
            double tail = 0;
            double total = 0;
            for (int i = 0; i < weights.length; i++) {
                tail += i < weights.length - 3 ? weights[i] : 0;
                total += weights[weights.length - 1 - i];
            }
            for (double topP : new double[] {1 - tail / total, Math.nextUp(1 - tail / total), Math.nextDown(1 - tail / total)}) {
                var options = new SamplingOptions(1, 0, topP, 0, 1);
                var sampler = new Sampler(options, round);
                var points = new SplittableRandom(round);
                for (int i = 0; i < 8; i++) {
                    assertThat(sampler.next(logits, NONE)).as("round %d, %s", round, options).isEqualTo(sorted(options, logits, points.nextDouble()));
                }
            }
        }
    }

    /** As many tokens as Orion has. */
    @Test
    void aLargeVocabularyIsSampledLikeASmallOne() {
        var random = new SplittableRandom(5);
        float[] logits = Kind.STEEP.logits(84_608, random);
        for (double topP : new double[] {0.3, 0.95, 1}) {
            var options = new SamplingOptions(1, 0, topP, 0, 1);
            var sampler = new Sampler(options, SEED);
            var points = new SplittableRandom(SEED);
            for (int i = 0; i < 20; i++) {
                assertThat(sampler.next(logits, NONE)).as("top-p %s", topP).isEqualTo(sorted(options, logits, points.nextDouble()));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void theLargestScoresComeInDescendingOrderWithAllThatEqualTheSmallest(Kind kind) {
        float[] logits = kind.logits(3000, new SplittableRandom(99));
        int[] ids = IntStream.range(0, logits.length).boxed().sorted(Comparator.comparingDouble((Integer id) -> -logits[id] + 0.0))
                .mapToInt(Integer::intValue).toArray();
        for (int count : new int[] {1, 2, 64, 1500, 2999, 3000}) {
            int end = count;
            while (end < ids.length && logits[ids[end]] == logits[ids[count - 1]]) {
                end++;
            }
            assertThat(TopScores.descending(count, logits)).as("%d", count).isEqualTo(IntStream.of(ids).limit(end).toArray());
        }
    }
}
