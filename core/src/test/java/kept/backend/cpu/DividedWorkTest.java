package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import kept.backend.Reduction;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Operands that are large enough to be divided into several tasks or chunks, with and without a rest, against plain Java. */
class DividedWorkTest {
    private static final int ELEMENTS = 8 * (int) StridedIterator.TASK;

    private Scope scope;

    /** The pool hands on memory as it is: results over memory that is not written show. */
    @BeforeEach
    void leaveUsedMemory() {
        scope = Scope.open();
        try (var _ = Scope.open()) {
            for (int size = 1; size <= 4 * ELEMENTS; size *= 2) {
                Tensor.full(Float.NaN, DType.F32, Shape.of(size));
            }
        }
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static float[] integers(int count, int seed) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(-8, 9);
        }
        return values;
    }

    @Test
    void viewsOfThreeAxesThatAreNotMerged() {
        int[] size = {40, 30, 60};
        float[] values = integers(41 * 31 * 61, 1);
        Tensor view = Tensor.of(values, 41, 31, 61).slice(0, 1, 41).slice(1, 1, 31).slice(2, 1, 61);
        float[] copied = view.contiguous().toFloatArray();
        float[] sum = view.add(view).toFloatArray();
        for (int i = 0, at = 0; i < size[0]; i++) {
            for (int j = 0; j < size[1]; j++) {
                for (int k = 0; k < size[2]; k++, at++) {
                    float expected = values[((i + 1) * 31 + j + 1) * 61 + k + 1];
                    assertThat(copied[at]).isEqualTo(expected);
                    assertThat(sum[at]).isEqualTo(2 * expected);
                }
            }
        }
    }

    @Test
    void sumsOfChunksWithAndWithoutARest() {
        Reduction[] reductions = Reduction.values();
        for (int count : new int[] {ELEMENTS, ELEMENTS - 1, ELEMENTS + 1}) {
            float[] values = integers(count, 2);
            double[] expected = {0, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY};
            for (float value : values) {
                expected[Reduction.SUM.ordinal()] += value;
                expected[Reduction.MAXIMUM.ordinal()] = Math.max(expected[Reduction.MAXIMUM.ordinal()], value);
                expected[Reduction.MINIMUM.ordinal()] = Math.min(expected[Reduction.MINIMUM.ordinal()], value);
            }
            for (Reduction reduction : reductions) {
                assertThat((double) reduced(reduction, Tensor.of(values), Shape.of()).item()).as("%s of %d", reduction, count)
                        .isEqualTo(expected[reduction.ordinal()]);
            }
        }
        // Few columns of many rows, whose chunks end with the rows and do not.
        for (int rows : new int[] {ELEMENTS, ELEMENTS + 3}) {
            float[] values = integers(3 * rows, 3);
            double[] expected = new double[3];
            for (int i = 0; i < values.length; i++) {
                expected[i % 3] += values[i];
            }
            float[] sums = reduced(Reduction.SUM, Tensor.of(values, rows, 3).transpose(0, 1), Shape.of(3)).toFloatArray();
            for (int i = 0; i < 3; i++) {
                assertThat((double) sums[i]).as("column %d of %d rows", i, rows).isEqualTo(expected[i]);
            }
        }
    }

    private static Tensor reduced(Reduction reduction, Tensor x, Shape shape) {
        Tensor out = Tensor.full(77, x.dtype(), shape);
        Device.cpu().backend().reduce(reduction, x, out);
        return out;
    }

    @Test
    void whatLiesBesideAResultStays() {
        for (int width : new int[] {1, 8, 16, 17, 2048, 2064}) {
            Tensor memory = Tensor.full(5, DType.F32, Shape.of(width + 64));
            Tensor columns = Tensor.ones(70, width).transpose(0, 1);
            for (Reduction reduction : Reduction.values()) {
                Device.cpu().backend().reduce(reduction, columns, memory.slice(0, 32, 32 + width));
                float[] values = memory.toFloatArray();
                assertThat(Arrays.copyOf(values, 32)).containsOnly(5);
                assertThat(Arrays.copyOfRange(values, 32, 32 + width)).containsOnly(reduction == Reduction.SUM ? 70 : 1);
                assertThat(Arrays.copyOfRange(values, 32 + width, 64 + width)).as("%s, %d columns", reduction, width).containsOnly(5);
            }
        }
    }

    @Test
    void integersFarFromZeroAndNoElements() {
        long[] large = {1L << 40, 1L << 41, (1L << 40) + 1};
        long[] small = {-(1L << 40), -(1L << 41), -(1L << 40) - 1};
        assertThat(reduced(Reduction.MINIMUM, Tensor.of(large), Shape.of()).toLongArray()).containsExactly(1L << 40);
        assertThat(reduced(Reduction.MAXIMUM, Tensor.of(small), Shape.of()).toLongArray()).containsExactly(-(1L << 40));
        Tensor negative = Tensor.of(new long[] {-7, -3, -9}).cast(DType.I32);
        assertThat(reduced(Reduction.MAXIMUM, negative, Shape.of()).toLongArray()).containsExactly(-3);
        Tensor bytes = Tensor.of(new long[] {200, 250, 201}).cast(DType.U8);
        assertThat(reduced(Reduction.MINIMUM, bytes, Shape.of()).toLongArray()).containsExactly(200);
        for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
            Tensor none = Tensor.zeros(0).cast(dtype);
            assertThat(reduced(Reduction.SUM, none, Shape.of()).item()).isZero();
            assertThat(reduced(Reduction.MAXIMUM, none, Shape.of()).item()).isEqualTo(Float.NEGATIVE_INFINITY);
            assertThat(reduced(Reduction.MINIMUM, none, Shape.of()).item()).isEqualTo(Float.POSITIVE_INFINITY);
        }
    }

    @Test
    void scatteredAndGatheredElementsAlongEachAxis() {
        int rows = 300;
        int columns = 400;
        float[] values = integers(rows * columns, 4);
        for (int axis = 0; axis < 2; axis++) {
            int extent = 17;
            long[] index = new long[rows * columns];
            for (int i = 0; i < index.length; i++) {
                index[i] = (i * 31L + i / columns) % extent;
            }
            Tensor indices = Tensor.of(index, rows, columns);
            Tensor x = Tensor.of(values, rows, columns);
            int width = axis == 0 ? columns : extent;
            float[] expected = new float[axis == 0 ? extent * columns : rows * extent];
            Arrays.fill(expected, 1);
            for (int i = 0; i < values.length; i++) {
                expected[axis == 0 ? (int) index[i] * width + i % columns : i / columns * width + (int) index[i]] += values[i];
            }
            Tensor out = Tensor.full(1, DType.F32, axis == 0 ? Shape.of(extent, columns) : Shape.of(rows, extent));
            Device.cpu().backend().scatterAdd(x, axis, indices, out);
            assertThat(out.toFloatArray()).as("axis %d", axis).isEqualTo(expected);

            float[] gathered = out.gather(axis, indices).toFloatArray();
            for (int i = 0; i < gathered.length; i++) {
                assertThat(gathered[i]).isEqualTo(expected[axis == 0 ? (int) index[i] * width + i % columns : i / columns * width + (int) index[i]]);
            }
        }
    }
}
