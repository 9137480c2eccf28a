package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Intervals and tests beside values computed by other means. */
class IntervalTest {
    /** By scipy.stats.binomtest(k, n).proportion_ci(method="wilson"). */
    @Test
    void sharesHaveWilsonsInterval() {
        assertClose(Interval.ofShare(2, 8), 0.07147921, 0.59072457);
        assertClose(Interval.ofShare(0, 4), 0, 0.48989084);
        assertClose(Interval.ofShare(4, 4), 0.51010916, 1);
        assertClose(Interval.ofShare(7000, 14042), 0.49023610, 0.50677369);
    }

    @Test
    void theStandardErrorIsThatOfTheSample() {
        assertThat(new Share(3, 4).standardError()).isCloseTo(0.25, within(1e-15));
        assertThat(new Share(1, 1).standardError()).isNaN();
    }

    /** The mean of many independent values is nearly normal: the interval is 1.96 standard errors to either side. */
    @Test
    void meansHaveTheIntervalOfTheirDistribution() {
        var random = new SplittableRandom(5);
        double[] values = IntStream.range(0, 400).mapToDouble(_ -> random.nextGaussian(3, 2)).toArray();
        double mean = Arrays.stream(values).average().orElseThrow();
        double deviation = Math.sqrt(Arrays.stream(values).map(value -> (value - mean) * (value - mean)).sum() / 400);
        Interval interval = Interval.ofMean(values);
        assertThat(interval.low()).isCloseTo(mean - 1.96 * deviation / 20, within(0.01));
        assertThat(interval.high()).isCloseTo(mean + 1.96 * deviation / 20, within(0.01));
        assertThat(Interval.ofMean(values)).isEqualTo(interval);
    }

    @Test
    void ofOneValueNothingIsKnown() {
        assertThat(Interval.ofMean(4)).isEqualTo(Interval.UNKNOWN);
    }

    /** By scipy.stats.binomtest(k, n).pvalue. */
    @Test
    void mcNemarsTestIsThatOfACoin() {
        assertThat(new PairedDifference(0, Interval.UNKNOWN, 7, 5).probability()).isCloseTo(0.7744140625, within(1e-12));
        assertThat(new PairedDifference(0, Interval.UNKNOWN, 2, 15).probability()).isCloseTo(0.0023498535, within(1e-9));
        assertThat(new PairedDifference(0, Interval.UNKNOWN, 700, 800).probability()).isCloseTo(0.010559255, within(1e-9));
        assertThat(new PairedDifference(0, Interval.UNKNOWN, 4, 4).probability()).isEqualTo(1);
        assertThat(new PairedDifference(0, Interval.UNKNOWN, 0, 0).probability()).isEqualTo(1);
    }

    @Test
    void differencesArePaired() {
        boolean[] first = new boolean[100];
        boolean[] second = new boolean[100];
        for (int i = 0; i < 100; i++) {
            first[i] = i < 60;
            second[i] = i >= 5 && i < 62;
        }
        PairedDifference difference = PairedDifference.of(first, second);
        assertThat(difference.value()).isCloseTo(0.03, within(1e-15));
        assertThat(difference.gained()).isEqualTo(5);
        assertThat(difference.lost()).isEqualTo(2);
        // The standard error of 0.03 is sqrt(0.07 - 0.03^2) / 10 = 0.0263; of two independent samples it would be 0.07.
        assertThat(difference.interval().low()).isCloseTo(-0.02, within(0.011));
        assertThat(difference.interval().high()).isCloseTo(0.08, within(0.011));
    }

    private static void assertClose(Interval interval, double low, double high) {
        assertThat(interval.low()).isCloseTo(low, within(1e-7));
        assertThat(interval.high()).isCloseTo(high, within(1e-7));
    }
}
