package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import kept.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GemmTest {
    private static final int[][] SIZES = {{1, 1, 1}, {1, 13, 127}, {2, 33, 5}, {3, 300, 1030}, {4, 1, 13}, {5, 7, 3}, {13, 127, 1}, {127, 1, 13},
        {8, 32, 16}, {9, 33, 17}, {64, 64, 64}, {127, 127, 127}, {130, 65, 257}, {129, 300, 513}, {1, 4098, 130}, {1, 130, 4098}, {4098, 1, 130},
        {17, 4098, 13}, {4098, 13, 17}, {13, 17, 4098}, {7, 9, 0}, {0, 3, 3}, {3, 0, 3}};
    private static final float NAN = Float.NaN;

    private final int threads = WorkerPool.shared().threads();
    private final SplittableRandom random = new SplittableRandom(5);
    private Arena arena;

    @BeforeEach
    void open() {
        arena = Arena.ofShared();
    }

    @AfterEach
    void close() {
        arena.close();
        WorkerPool.shareThreads(threads);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void agreesWithFloat64ForEverySizeStrideAndType(DType type) {
        for (int[] size : SIZES) {
            for (Form form : Form.values()) {
                check(size, operand(type, size[0], size[2], form), operand(DType.F32, size[2], size[1], Form.ROWS), false);
                check(size, operand(DType.F32, size[0], size[2], Form.ROWS), operand(type, size[2], size[1], form), true);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void operandsLargerThanWhatIsPackedAtATimeAgreeToo(boolean accumulate) {
        for (int[] size : new int[][] {{5, 513, 2100}, {5, 8200, 130}}) {
            check(size, operand(DType.F32, size[0], size[2], Form.ROWS), operand(DType.F32, size[2], size[1], Form.COLUMNS), accumulate);
        }
    }

    @Test
    void allTransposedFormsGiveTheSameBits() {
        int m = 131;
        int n = 97;
        int k = 300;
        Matrix a = operand(DType.F32, m, k, Form.ROWS);
        Matrix b = operand(DType.F32, k, n, Form.ROWS);
        float[] expected = product(m, n, k, a, b);
        Matrix aTransposed = copied(a, m, k, Form.COLUMNS);
        Matrix bTransposed = copied(b, k, n, Form.COLUMNS);
        assertThat(product(m, n, k, aTransposed, b)).isEqualTo(expected);
        assertThat(product(m, n, k, a, bTransposed)).isEqualTo(expected);
        assertThat(product(m, n, k, aTransposed, bTransposed)).isEqualTo(expected);
        assertThat(product(m, n, k, copied(a, m, k, Form.STRIDED), copied(b, k, n, Form.STRIDED))).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void bitsDoNotDependOnThreads(int count) {
        for (int[] size : new int[][] {{1, 4098, 513}, {130, 300, 700}, {515, 64, 257}, {3, 3000, 130}, {257, 4098, 290}}) {
            Matrix a = operand(DType.F32, size[0], size[2], Form.ROWS);
            Matrix b = operand(DType.F32, size[2], size[1], Form.COLUMNS);
            WorkerPool.shareThreads(1);
            float[] expected = product(size[0], size[1], size[2], a, b);
            WorkerPool.shareThreads(count);
            assertThat(product(size[0], size[1], size[2], a, b)).isEqualTo(expected);
            Matrix c = result(size[0], size[1], size[1], NAN);
            Gemm.multiplySerial(size[0], size[1], size[2], a, b, c, false);
            assertThat(values(c, size[0], size[1])).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void productsInSeveralStagesGiveTheBitsOfTheirParts(int count) {
        int m = 530;
        int n = 2100;
        int k = 1040;
        int rows = m / 2;
        int columns = n / 2;
        Matrix rowMajor = operand(DType.F32, m, k, Form.ROWS);
        Matrix columnMajor = operand(DType.F32, k, n, Form.COLUMNS);
        WorkerPool.shareThreads(count);
        for (Matrix a : List.of(rowMajor, copied(rowMajor, m, k, Form.COLUMNS))) {
            for (Matrix b : List.of(columnMajor, copied(columnMajor, k, n, Form.ROWS))) {
                Matrix whole = result(m, n, n, NAN);
                Gemm.multiply(m, n, k, a, b, whole, false);
                for (int i = 0; i < m; i += rows) {
                    for (int j = 0; j < n; j += columns) {
                        Matrix part = result(rows, columns, columns, NAN);
                        Gemm.multiplySerial(rows, columns, k, a.shifted(i * a.rowStride()), b.shifted(j * b.columnStride()), part, false);
                        assertThat(values(whole.shifted(whole.index(i, j)), rows, columns)).isEqualTo(values(part, rows, columns));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"ROWS", "COLUMNS"})
    void blocksOfLongSumsAreAddedInAscendingOrder(Form form) {
        int m = 9;
        int n = 41;
        int k = 5000;
        int depth = 1008;
        Matrix a = operand(DType.F32, m, k, form);
        Matrix b = operand(DType.F32, k, n, Form.ROWS);
        for (boolean accumulate : new boolean[] {false, true}) {
            Matrix c = result(m, n, n, 0.5f);
            Matrix expected = result(m, n, n, 0.5f);
            Gemm.multiply(m, n, k, a, b, c, accumulate);
            for (int first = 0; first < k; first += depth) {
                Gemm.multiply(m, n, Math.min(depth, k - first), a.shifted(first * a.columnStride()), b.shifted(first * b.rowStride()), expected,
                    accumulate || first > 0);
            }
            assertThat(values(c, m, n)).isEqualTo(values(expected, m, n));
        }
    }

    @Test
    void batchesGiveTheBitsOfSingleProducts() {
        for (int[] size : new int[][] {{1, 1, 1}, {5, 40, 17}, {64, 64, 32}, {300, 200, 150}}) {
            int m = size[0];
            int n = size[1];
            int k = size[2];
            int batch = 9;
            Matrix a = operand(DType.F32, batch * m, k, Form.ROWS);
            Matrix b = operand(DType.F32, batch * n, k, Form.ROWS);
            Matrix c = result(batch * m, n, n, NAN);
            long[] aShifts = new long[batch];
            long[] bShifts = new long[batch];
            long[] cShifts = new long[batch];
            for (int i = 0; i < batch; i++) {
                aShifts[i] = i * a.rowStride() * m;
                bShifts[i] = (batch - 1 - i) * b.rowStride() * n;
                cShifts[i] = (long) i * m * n;
            }
            Gemm.multiplyBatch(m, n, k, new Gemm.Batch(a, aShifts), new Gemm.Batch(b.transposed(), bShifts), new Gemm.Batch(c, cShifts), false);
            for (int i = 0; i < batch; i++) {
                float[] expected = product(m, n, k, a.shifted(aShifts[i]), b.transposed().shifted(bShifts[i]));
                assertThat(values(c.shifted(cShifts[i]), m, n)).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void aFewRowsGiveTheBitsOfSingleRows(DType type) {
        for (int k : new int[] {31, 64, 200, 2100}) {
            int n = 70;
            Matrix a = operand(DType.F32, 4, k, Form.ROWS);
            Matrix b = operand(type, k, n, Form.COLUMNS);
            float[] together = product(4, n, k, a, b);
            for (int row = 0; row < 4; row++) {
                assertThat(product(1, n, k, a.shifted(row * a.rowStride()), b)).isEqualTo(Arrays.copyOfRange(together, row * n, (row + 1) * n));
            }
        }
    }

    @Test
    void nothingOutsideTheResultIsTouched() {
        for (int[] size : new int[][] {{9, 33, 17}, {1, 50, 20}, {13, 1, 20}, {140, 70, 300}, {7, 9, 0}}) {
            int m = size[0];
            int n = size[1];
            Matrix c = result(m + 2, n + 3, n + 3, 7f);
            Gemm.multiply(m, n, size[2], operand(DType.F32, m, size[2], Form.ROWS), operand(DType.F32, size[2], n, Form.COLUMNS),
                c.shifted(c.rowStride() + 2), false);
            for (int i = 0; i < m + 2; i++) {
                for (int j = 0; j < n + 3; j++) {
                    boolean inside = i >= 1 && i <= m && j >= 2 && j < n + 2;
                    assertThat(Elements.getFloat(c.data(), DType.F32, c.index(i, j)) == 7f).as("%d, %d", i, j).isEqualTo(!inside);
                }
            }
        }
    }

    @Test
    void halvesAreWidenedExactlyForEveryBitPattern() {
        MemorySegment data = arena.allocate(2L << 16, 64);
        for (int i = 0; i < 1 << 16; i++) {
            data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
        }
        float[] f16 = new float[1 << 16];
        float[] bf16 = new float[1 << 16];
        Elements.widen(data, DType.F16, 0, 1, f16, 0, f16.length);
        Elements.widen(data, DType.BF16, 0, 1, bf16, 0, bf16.length);
        for (int i = 0; i < 1 << 16; i++) {
            assertThat(Float.floatToIntBits(f16[i])).isEqualTo(Float.floatToIntBits(Float.float16ToFloat((short) i)));
            assertThat(Float.floatToRawIntBits(bf16[i])).isEqualTo(i << 16);
        }
    }

    @Test
    void resultsThatCannotBeWrittenAreRefused() {
        Matrix a = operand(DType.F32, 2, 2, Form.ROWS);
        assertThatThrownBy(() -> Gemm.multiply(2, 2, 2, a, a, new Matrix(a.data(), DType.F32, 0, 1, 2), false))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[matmul]").hasMessageContaining("stride 2");
        assertThatThrownBy(() -> Gemm.multiply(2, 2, 2, a, a, new Matrix(a.data(), DType.BF16, 0, 2, 1), false))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("bf16");
        assertThatThrownBy(() -> Gemm.multiply(2, 2, 2, new Matrix(a.data(), DType.I32, 0, 2, 1), a, result(2, 2, 2, 0), false))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("i32");
    }

    /** How a matrix lies in memory. */
    private enum Form {
        ROWS, COLUMNS, PADDED_ROWS, PADDED_COLUMNS, STRIDED;

        Matrix at(MemorySegment data, DType type, int rows, int columns) {
            return switch (this) {
                case ROWS -> new Matrix(data, type, 0, columns, 1);
                case COLUMNS -> new Matrix(data, type, 0, 1, rows);
                case PADDED_ROWS -> new Matrix(data, type, 3, columns + 5L, 1);
                case PADDED_COLUMNS -> new Matrix(data, type, 3, 1, rows + 5L);
                case STRIDED -> new Matrix(data, type, 1, 2L * columns + 3, 2);
            };
        }
    }

    private Matrix operand(DType type, int rows, int columns, Form form) {
        long elements = 2L * (rows + 5) * (columns + 5);
        Matrix x = form.at(arena.allocate(elements * type.bytes(), 64), type, rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                set(x, i, j, (float) (random.nextDouble() * 2 - 1));
            }
        }
        return x;
    }

    private Matrix copied(Matrix x, int rows, int columns, Form form) {
        Matrix y = operand(x.type(), rows, columns, form);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                set(y, i, j, Elements.getFloat(x.data(), x.type(), x.index(i, j)));
            }
        }
        return y;
    }

    private static void set(Matrix x, int row, int column, float value) {
        long index = x.index(row, column);
        switch (x.type()) {
            case BF16 -> x.data().setAtIndex(ValueLayout.JAVA_SHORT, index, (short) (Float.floatToIntBits(value) >>> 16));
            case F16 -> x.data().setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
            default -> x.data().setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        }
    }

    private Matrix result(int rows, int columns, long stride, float fill) {
        Matrix c = new Matrix(arena.allocate(Math.max(1, rows * stride) * 4, 64), DType.F32, 0, stride, 1);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                set(c, i, j, fill);
            }
        }
        return c;
    }

    private float[] product(int m, int n, int k, Matrix a, Matrix b) {
        Matrix c = result(m, n, n, NAN);
        Gemm.multiply(m, n, k, a, b, c, false);
        return values(c, m, n);
    }

    private static float[] values(Matrix c, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = Elements.getFloat(c.data(), c.type(), c.index(i / columns, i % columns));
        }
        return values;
    }

    private static double[] doubles(Matrix x, int rows, int columns) {
        double[] values = new double[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = Elements.getFloat(x.data(), x.type(), x.index(i / columns, i % columns));
        }
        return values;
    }

    private void check(int[] size, Matrix a, Matrix b, boolean accumulate) {
        int m = size[0];
        int n = size[1];
        int k = size[2];
        Matrix c = result(m, n, n + 1L, accumulate ? 0.5f : NAN);
        Gemm.multiply(m, n, k, a, b, c, accumulate);
        double[] x = doubles(a, m, k);
        double[] y = doubles(b, k, n);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = accumulate ? 0.5 : 0;
                double magnitude = Math.abs(sum);
                for (int p = 0; p < k; p++) {
                    sum += x[i * k + p] * y[p * n + j];
                    magnitude += Math.abs(x[i * k + p] * y[p * n + j]);
                }
                double tolerance = 0x1p-23 * magnitude * Math.sqrt(k + 1);
                float actual = Elements.getFloat(c.data(), DType.F32, c.index(i, j));
                if (!(Math.abs(actual - sum) <= tolerance)) {
                    assertThat((double) actual).as("%d x %d x %d at %d, %d, A %s, B %s", m, n, k, i, j, a, b).isEqualTo(sum);
                }
            }
        }
    }
}
