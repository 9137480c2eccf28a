package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ArrangementsTest {
    private static final float NAN = Float.NaN;
    private static final float INF = Float.POSITIVE_INFINITY;

    /** The values and places that PyTorch 2.13 gives with {@code stable=True}. */
    @Test
    void orderIsStableAndNotANumberIsTheLargest() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {NAN, 1, -INF, 0f, -0f, INF, NAN, -1});
            assertThat(x.sort(0).values().toFloatArray()).containsExactly(-INF, -1, 0f, -0f, 1, INF, NAN, NAN);
            assertThat(x.sort(0).indices().toLongArray()).containsExactly(2, 7, 3, 4, 1, 5, 0, 6);
            assertThat(x.sort(0, true).values().toFloatArray()).containsExactly(NAN, NAN, INF, 1, 0f, -0f, -1, -INF);
            assertThat(x.sort(0, true).indices().toLongArray()).containsExactly(0, 6, 5, 1, 3, 4, 7, 2);
            assertThat(x.topK(3, 0).indices().toLongArray()).containsExactly(0, 6, 5);
            assertThat(x.topK(3, 0, false).indices().toLongArray()).containsExactly(2, 7, 3);
            assertThat(x.argMin(0).item()).isEqualTo(0);
            assertThat(x.slice(0, 1, 6).argMin(0).item()).isEqualTo(1);
        }
    }

    @Test
    void integersOfAllSizesAreOrdered() {
        try (var _ = Scope.open()) {
            long[] values = {3, Long.MAX_VALUE, Long.MIN_VALUE, -1, 1L << 40, 3, 0, (1L << 53) + 1, 1L << 53};
            Tensor x = Tensor.of(values);
            long[] sorted = values.clone();
            Arrays.sort(sorted);
            assertThat(x.sort(0).values().toLongArray()).isEqualTo(sorted);
            assertThat(x.argMin(0).item()).isEqualTo(2);
            assertThat(x.argMax(0).item()).isEqualTo(1);
            Tensor ints = Tensor.of(new int[] {5, Integer.MIN_VALUE, Integer.MAX_VALUE, Integer.MIN_VALUE, -7});
            assertThat(ints.sort(0).indices().toLongArray()).containsExactly(1, 3, 4, 0, 2);
            assertThat(ints.sort(0, true).indices().toLongArray()).containsExactly(2, 0, 4, 1, 3);
            assertThat(ints.argMin(0).item()).isEqualTo(1);
        }
    }

    @Test
    void longRowsOfManyEqualElementsStayInTheirOrder() {
        try (var _ = Scope.open()) {
            var random = new SplittableRandom(3);
            float[] values = new float[3 * 5001];
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextInt(-20, 20) / 8f;
            }
            Sorted sorted = Tensor.of(values, 3, 5001).sort(1);
            long[] places = sorted.indices().toLongArray();
            for (int row = 0; row < 3; row++) {
                int from = row * 5001;
                long[] expected = IntStream.range(0, 5001).boxed().sorted((a, b) -> Float.compare(values[from + a], values[from + b]))
                        .mapToLong(i -> i).toArray();
                assertThat(Arrays.copyOfRange(places, from, from + 5001)).isEqualTo(expected);
            }
        }
    }

    @Test
    void questionsAboutSpecialNumbers() {
        try (var _ = Scope.open()) {
            for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
                Tensor x = Tensor.of(new float[] {NAN, INF, -INF, 0f, -0f, 1, -60000}).cast(dtype);
                assertThat(x.isNaN().toLongArray()).containsExactly(1, 0, 0, 0, 0, 0, 0);
                assertThat(x.isInfinite().toLongArray()).containsExactly(0, 1, 1, 0, 0, 0, 0);
                assertThat(x.isFinite().toLongArray()).containsExactly(0, 0, 0, 1, 1, 1, 1);
                assertThat(x.logicalNot().toLongArray()).containsExactly(0, 0, 0, 1, 1, 0, 0);
                assertThat(x.logicalAnd(x.isFinite()).toLongArray()).containsExactly(0, 0, 0, 0, 0, 1, 1);
                assertThat(x.any().item()).isEqualTo(1);
                assertThat(x.all().item()).isEqualTo(0);
                assertThat(x.slice(0, 0, 0).any().item()).isEqualTo(0);
                assertThat(x.slice(0, 0, 0).all().item()).isEqualTo(1);
            }
        }
    }

    @Test
    void elementsAreReadAndSet() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(2, 3).transpose(0, 1);
            assertThat(x.set(1.5, 2, -1).get(2, 1)).isEqualTo(1.5);
            assertThat(x.toFloatArray()).containsExactly(0, 0, 0, 0, 0, 1.5f);
            Tensor longs = Tensor.of(new long[] {1, (1L << 53) - 1});
            assertThat(longs.get(-1)).isEqualTo((double) ((1L << 53) - 1));
            assertThat(longs.set(-3, 0).toLongArray()).containsExactly(-3, (1L << 53) - 1);
            assertThat(Tensor.scalar(2, DType.BF16).get()).isEqualTo(2);
        }
    }

    @Test
    void tensorsMadeOfNumbers() {
        try (var _ = Scope.open()) {
            assertThat(Tensor.linspace(-1, 1, 5).toFloatArray()).containsExactly(-1, -0.5f, 0, 0.5f, 1);
            assertThat(Tensor.linspace(0, 0.1, 3).toFloatArray()).containsExactly(0, 0.05f, 0.1f);
            assertThat(Tensor.linspace(3, 4, 1).toFloatArray()).containsExactly(3);
            assertThat(Tensor.linspace(3, 4, 0).toFloatArray()).isEmpty();
            assertThat(Tensor.eye(2, 3).toFloatArray()).containsExactly(1, 0, 0, 0, 1, 0);
            assertThat(Tensor.eye(3, 2).toFloatArray()).containsExactly(1, 0, 0, 1, 0, 0);
            assertThat(Tensor.eye(0).toFloatArray()).isEmpty();
        }
    }
}
