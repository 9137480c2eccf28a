package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** The contract of the random numbers: reproducible element by element, and distributed as they should be. */
public abstract class RandomContract extends KernelContract {
    /** For subclasses. */
    protected RandomContract() {}

    private float[] random(Distribution distribution, long seed, long stream, int count) {
        Tensor out = Tensor.empty(DType.F32, Shape.of(count));
        backend().random(distribution, seed, stream, out);
        return out.toFloatArray();
    }

    @Test
    void theFirstUniformNumbersAreThePublishedPhiloxVector() {
        // Random123 (Salmon et al. 2011), known answers of philox4x32 with 10 rounds, counter and key zero.
        long[] words = {0x6627e8d5L, 0xe169c58dL, 0xbc57ac4cL, 0x9b00dbd8L};
        float[] numbers = random(Distribution.UNIFORM, 0, 0, 4);
        for (int i = 0; i < 4; i++) {
            assertThat(numbers[i]).isEqualTo((words[i] >>> 8) * 0x1p-24f);
        }
    }

    @Test
    void anElementDependsOnSeedStreamAndIndexAlone() {
        for (Distribution distribution : Distribution.values()) {
            float[] all = random(distribution, 42, 7, 20_001);
            for (int count : new int[] {0, 1, 2, 3, 5, 4097, 20_000}) {
                assertThat(random(distribution, 42, 7, count)).isEqualTo(Arrays.copyOf(all, count));
            }
            assertThat(random(distribution, 42, 8, 8)).isNotEqualTo(Arrays.copyOf(all, 8));
            assertThat(random(distribution, 43, 7, 8)).isNotEqualTo(Arrays.copyOf(all, 8));
        }
    }

    @Test
    void uniformNumbersFillTheHalfOpenUnitIntervalEvenly() {
        float[] numbers = random(Distribution.UNIFORM, 1, 2, 100_000);
        int[] tenths = new int[10];
        for (float number : numbers) {
            assertThat(number).isGreaterThanOrEqualTo(0).isLessThan(1);
            tenths[(int) (number * 10)]++;
        }
        // Five standard deviations of a count: sqrt(100000 * 0.1 * 0.9) = 95.
        assertThat(tenths).satisfies(counts -> Arrays.stream(counts).forEach(n -> assertThat(n).isBetween(9525, 10475)));
    }

    @Test
    void normalNumbersHaveTheMomentsAndTailsOfTheNormalDistribution() {
        float[] numbers = random(Distribution.NORMAL, 3, 4, 200_000);
        double mean = 0;
        double square = 0;
        double fourth = 0;
        int beyondTwo = 0;
        double neighbours = 0;
        for (int i = 0; i < numbers.length; i++) {
            double x = numbers[i];
            mean += x / numbers.length;
            square += x * x / numbers.length;
            fourth += x * x * x * x / numbers.length;
            beyondTwo += Math.abs(x) > 2 ? 1 : 0;
            neighbours += x * numbers[i ^ 1] / numbers.length;
        }
        assertThat(mean).isCloseTo(0, Offset.offset(0.012));
        assertThat(square).isCloseTo(1, Offset.offset(0.016));
        assertThat(fourth).isCloseTo(3, Offset.offset(0.12));
        assertThat(beyondTwo / 200_000.0).isCloseTo(0.0455, Offset.offset(0.0025));
        assertThat(neighbours).isCloseTo(0, Offset.offset(0.016));
    }
}
