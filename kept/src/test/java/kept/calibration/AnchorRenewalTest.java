package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class AnchorRenewalTest {
    private static final double LEVEL = 0.2;
    private static final int TOKENS = 4000;

    /** Tokens whose stream has sizes about 3 and a mean of 0.3, which the norm's output shows as 0.3 over the size. */
    private static void add(AnchorRenewal renewal, long seed, double spread, double shift, boolean held) {
        var random = new Random(seed);
        var e = new float[TOKENS];
        var q = new float[TOKENS];
        var size = new float[TOKENS];
        var anchor = new float[TOKENS];
        for (int i = 0; i < TOKENS; i++) {
            size[i] = (float) (3 * Math.exp(spread * random.nextGaussian()) + shift);
            anchor[i] = 0.3f;
            e[i] = anchor[i] / size[i];
            q[i] = (float) (1 + 0.03 * random.nextGaussian());
        }
        renewal.add(e, q, size, anchor, held);
    }

    private static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }

    @Test
    void theMeanBecomesAShareOfASizeThatOnlyTheOldMeanTells() {
        var renewal = new AnchorRenewal(LEVEL);
        add(renewal, 1, 0.2, 0, false);
        add(renewal, 2, 0.2, 0, true);
        AnchorRenewal.Fit fit = renewal.solve();
        for (double size = 2; size <= 4.5; size += 0.25) {
            double e = 0.3 / size;
            double renewed = 0.3 + silu(fit.gate() * e) * (fit.ofReading() * e + fit.ofConstant());
            assertThat(renewed / size).as("size %s", size).isCloseTo(LEVEL, within(0.06 * LEVEL));
        }
        double before = 0.3 / 4.5 / LEVEL;
        assertThat(before).as("what it was").isLessThan(0.4);
        assertThat(fit.error()).isBetween(1e-6, 2e-3);
    }

    @Test
    void theErrorIsThatOfTokensThatTheFitHasNotSeen() {
        var same = new AnchorRenewal(LEVEL);
        add(same, 1, 0.1, 0, false);
        add(same, 2, 0.1, 0, true);
        var others = new AnchorRenewal(LEVEL);
        add(others, 1, 0.1, 0, false);
        add(others, 2, 0.1, 3, true);
        assertThat(others.solve().error()).isGreaterThan(10 * same.solve().error());
    }

    @Test
    void withoutAnAnchorThereIsNothingToRenew() {
        var renewal = new AnchorRenewal(LEVEL);
        renewal.add(new float[] {0, 0}, new float[] {1, 1}, new float[] {1, 2}, new float[] {0, 0}, false);
        assertThat(renewal.solve()).isNull();
    }
}
