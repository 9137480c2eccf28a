package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import kept.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Dot products of a vector with the rows of a matrix. */
class RowProductsTest {
    private static final int LANES = VectorMath.LANES;
    private static final int STEP = RowProducts.STEP;

    private final SplittableRandom random = new SplittableRandom(5);

    /** However many rows there are beside it, and whether there are gaps between them, a row has the bits of its own sum in plain Java. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void eachRowHasTheBitsOfTheDefinition(DType type) {
        for (int k : new int[] {1, STEP - 1, STEP, STEP + 1, 3 * STEP, 5 * STEP + 7}) {
            for (int n : new int[] {1, 3, 4, 7, 8, 21, 270}) {
                for (int gap : new int[] {0, 2, STEP}) {
                    check(type, n, k, k + gap);
                }
            }
        }
    }

    private void check(DType type, int n, int k, int stride) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(type.bytes() * (3L + (long) n * stride), 64);
            var w = new Matrix(data, type, 3, stride, 1);
            for (long i = 0; i < 3 + (long) n * stride; i++) {
                Elements.setFloat(data, type, i, (float) random.nextGaussian());
            }
            float[] x = new float[k + 5];
            for (int i = 0; i < x.length; i++) {
                x[i] = (float) random.nextGaussian();
            }
            float[] expected = new float[n];
            for (int row = 0; row < n; row++) {
                expected[row] = product(w, row, k, x, 5);
            }
            RowProducts products = RowProducts.of(type);
            products.arrange(x, 5, k);
            float[] y = new float[n + 2];
            products.multiply(n, k, w, x, 5, y, 1);
            for (int row = 0; row < n; row++) {
                assertThat(y[1 + row]).as("%s, row %d of %d, k %d, stride %d", type, row, n, k, stride).isEqualTo(expected[row]);
            }
            assertThat(y[0]).isZero();
            assertThat(y[n + 1]).isZero();
        }
    }

    /** Four chains of each lane, whose elements are neighbours in bf16 and a vector apart in f32. */
    private static float product(Matrix w, int row, int k, float[] x, int start) {
        float[][] chains = new float[4][LANES];
        for (int i = 0; i < k - k % STEP; i++) {
            int inStep = i % STEP;
            int chain = w.type() == DType.BF16 ? inStep / (2 * LANES) * 2 + inStep % 2 : inStep / LANES;
            int lane = w.type() == DType.BF16 ? inStep % (2 * LANES) / 2 : inStep % LANES;
            chains[chain][lane] = Math.fma(x[start + i], value(w, row, i), chains[chain][lane]);
        }
        float[] lanes = new float[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            lanes[lane] = chains[0][lane] + chains[1][lane] + (chains[2][lane] + chains[3][lane]);
        }
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; lane++) {
                lanes[lane] += lanes[lane + half];
            }
        }
        float sum = lanes[0];
        for (int i = k - k % STEP; i < k; i++) {
            sum = Math.fma(x[start + i], value(w, row, i), sum);
        }
        return sum;
    }

    private static float value(Matrix w, int row, int column) {
        return Elements.getFloat(w.data(), w.type(), w.index(row, column));
    }
}
