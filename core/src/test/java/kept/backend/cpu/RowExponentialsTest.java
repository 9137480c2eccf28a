package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class RowExponentialsTest {
    private static final int WIDTH = 3 * RowExponentials.BLOCK + 77;

    @Test
    void aRowThatRisesFromBlockToBlockIsSummedRelativeToItsShift() {
        check(i -> i / 40.0 + StrictMath.sin(i), 1f);
    }

    @Test
    void aRowThatFallsFromBlockToBlockIsSummedRelativeToItsShift() {
        check(i -> -i / 40.0 + StrictMath.sin(i), 1f);
    }

    @Test
    void aPeakAnywhereIsNotOverlooked() {
        for (int peak : new int[] {0, 130, RowExponentials.BLOCK - 1, 2 * RowExponentials.BLOCK, WIDTH - 1}) {
            check(i -> i == peak ? 1e4 : StrictMath.cos(i), 1f);
            check(i -> i == peak ? 20 : StrictMath.cos(i), 1f);
            check(i -> i == peak ? 100 : StrictMath.cos(i), 0.1f);
        }
    }

    @Test
    void blocksOfMinusInfinityCountForNothing() {
        check(i -> i < RowExponentials.BLOCK + 5 ? Double.NEGATIVE_INFINITY : -1000 + StrictMath.sin(i), 1f);
        check(i -> i >= RowExponentials.BLOCK ? Double.NEGATIVE_INFINITY : -1000 + StrictMath.sin(i), 1f);
        check(i -> i == WIDTH - 1 ? 3 : Double.NEGATIVE_INFINITY, 0.5f);
    }

    @Test
    void rowsWithoutADistributionSayWhatTheyHold() {
        assertThat(exponentiate(i -> Double.NEGATIVE_INFINITY).sum()).isZero();
        assertThat(exponentiate(i -> Double.NEGATIVE_INFINITY).shift()).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(exponentiate(i -> i == WIDTH - 3 ? Double.POSITIVE_INFINITY : 0).sum()).isNaN();
        assertThat(exponentiate(i -> i == WIDTH - 3 ? Double.POSITIVE_INFINITY : 0).shift()).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(exponentiate(i -> i == 4000 ? Double.NaN : 0).sum()).isNaN();
        assertThat(exponentiate(i -> Double.NaN).sum()).isNaN();
    }

    private static RowExponentials exponentiate(IntToDoubleFunction values) {
        try (Arena arena = Arena.ofConfined()) {
            return exponentiate(values, 1f, arena.allocate(JAVA_FLOAT, WIDTH), arena.allocate(JAVA_FLOAT, WIDTH));
        }
    }

    private static RowExponentials exponentiate(IntToDoubleFunction values, float inverseTemperature, MemorySegment x, MemorySegment out) {
        for (int i = 0; i < WIDTH; i++) {
            x.setAtIndex(JAVA_FLOAT, i, (float) values.applyAsDouble(i));
        }
        var exponentials = new RowExponentials(WIDTH, inverseTemperature);
        exponentials.exponentiate(x, WIDTH, out);
        return exponentials;
    }

    /** Against the definition in double precision: the probabilities, the maximum, and the logarithms of the blocks' factors. */
    private static void check(IntToDoubleFunction values, float inverseTemperature) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(JAVA_FLOAT, WIDTH);
            MemorySegment out = arena.allocate(JAVA_FLOAT, WIDTH);
            RowExponentials exponentials = exponentiate(values, inverseTemperature, x, out);
            double max = Double.NEGATIVE_INFINITY;
            for (int i = 0; i < WIDTH; i++) {
                max = Math.max(max, x.getAtIndex(JAVA_FLOAT, i));
            }
            double sum = 0;
            for (int i = 0; i < WIDTH; i++) {
                sum += StrictMath.exp((x.getAtIndex(JAVA_FLOAT, i) - max) * inverseTemperature);
            }
            assertThat((double) exponentials.max()).isEqualTo(max);
            double logSum = exponentials.shift() * inverseTemperature + StrictMath.log(exponentials.sum());
            assertThat(logSum).isCloseTo(max * inverseTemperature + StrictMath.log(sum), within(1e-6 * Math.max(1, Math.abs(max))));
            double scale = 1 / exponentials.sum();
            for (int i = 0; i < WIDTH; i++) {
                double logarithm = (x.getAtIndex(JAVA_FLOAT, i) - max) * inverseTemperature - StrictMath.log(sum);
                double p = (double) out.getAtIndex(JAVA_FLOAT, i) * exponentials.factor(i, scale);
                assertThat(p).as("element %d", i).isCloseTo(StrictMath.exp(logarithm), within(1e-5 * StrictMath.exp(logarithm) + 1e-30));
                double difference = (double) x.getAtIndex(JAVA_FLOAT, i) - exponentials.shift(i);
                double fromFactor = difference * inverseTemperature + exponentials.logFactor(i, scale);
                if (logarithm > Double.NEGATIVE_INFINITY) {
                    assertThat(fromFactor).as("logarithm of element %d", i).isCloseTo(logarithm, within(1e-5 * Math.max(1, -logarithm)));
                }
            }
            exponentials.multiply(out, WIDTH, scale, out);
            double total = 0;
            for (int i = 0; i < WIDTH; i++) {
                total += out.getAtIndex(JAVA_FLOAT, i);
            }
            assertThat(total).isCloseTo(1, within(1e-5));
        }
    }
}
