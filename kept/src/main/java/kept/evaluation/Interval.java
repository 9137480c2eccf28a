package kept.evaluation;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * A 95 % confidence interval.
 *
 * @param low its lower end; NaN if there are too few observations
 * @param high its upper end; NaN if there are too few observations
 */
public record Interval(double low, double high) {
    /** The interval of a single observation: unknown. */
    public static final Interval UNKNOWN = new Interval(Double.NaN, Double.NaN);

    /** The number of standard deviations above which the normal distribution has 2.5 %. */
    private static final double NORMAL_QUANTILE = 1.959963984540054;

    private static final int RESAMPLES = 10_000;
    private static final long SEED = 0;

    /**
     * The interval of a share: Wilson's score interval (1927), which stays within 0 to 1 and is accurate for few observations too.
     *
     * @param successes the number of successes
     * @param count the number of observations
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
     * The interval of a mean, by the bootstrap (Efron 1979): the middle 95 % of the means of 10,000 resamples, each of as many values as given, with
     * replacement. The resamples are always the same. Values must be independent of each other; those of neighbouring tokens are not, so use their
     * mean over a sequence as one value.
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
     * The interval of a number from this interval of its logarithm.
     *
     * @return the exponentials of both ends
     */
    public Interval exponential() {
        return new Interval(Math.exp(low), Math.exp(high));
    }
}
