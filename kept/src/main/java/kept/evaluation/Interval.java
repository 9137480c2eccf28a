package kept.evaluation;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * A 95 % confidence interval.
 *
 * @param low its lower end; not a number where too little is known
 * @param high its upper end; not a number where too little is known
 */
public record Interval(double low, double high) {
    /** What is said of a single observation. */
    public static final Interval UNKNOWN = new Interval(Double.NaN, Double.NaN);

    /** The normal distribution has 2.5 % above so many standard deviations. */
    private static final double NORMAL_QUANTILE = 1.959963984540054;

    private static final int RESAMPLES = 10_000;
    private static final long SEED = 0;

    /**
     * Of a share: Wilson's score interval (1927), which stays within 0 to 1 and is good for few observations too.
     *
     * @param successes how many of them
     * @param count of how many
     * @return the interval
     */
    public static Interval ofShare(long successes, long count) {
        double share = (double) successes / count;
        double z2 = NORMAL_QUANTILE * NORMAL_QUANTILE;
        double centre = (share + z2 / (2 * count)) / (1 + z2 / count);
        double half = NORMAL_QUANTILE / (1 + z2 / count) * Math.sqrt(share * (1 - share) / count + z2 / (4.0 * count * count));
        return new Interval(successes == 0 ? 0 : centre - half, successes == count ? 1 : centre + half);
    }

    /**
     * Of a mean, by the bootstrap (Efron 1979): 10,000 times as many values are drawn from the given ones with replacement, and the interval holds
     * the middle 95 % of their means. The draws are always the same. Values must be independent of each other; those of neighbouring tokens are not,
     * so their mean over a sequence is one value.
     *
     * @param values the observations; of pairs, their differences
     * @return the interval, unknown for a single value
     */
    public static Interval ofMean(double... values) {
        if (values.length < 2) {
            return UNKNOWN;
        }
        var random = new SplittableRandom(SEED);
        var means = new double[RESAMPLES];
        for (int i = 0; i < RESAMPLES; i++) {
            double sum = 0;
            for (int j = 0; j < values.length; j++) {
                sum += values[random.nextInt(values.length)];
            }
            means[i] = sum / values.length;
        }
        Arrays.sort(means);
        return new Interval(means[(int) (0.025 * RESAMPLES)], means[(int) (0.975 * RESAMPLES) - 1]);
    }

    /**
     * The interval of a number whose logarithm this one holds.
     *
     * @return the exponentials of both ends
     */
    public Interval exponential() {
        return new Interval(Math.exp(low), Math.exp(high));
    }
}
