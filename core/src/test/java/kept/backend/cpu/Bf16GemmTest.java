package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products with a bf16 matrix, by plain tiles on any processor, and by machine code on those that have its instruction. */
class Bf16GemmTest {
    private static final int[][] SIZES = {{1, 1, 1}, {2, 33, 5}, {14, 32, 2}, {15, 31, 64}, {5, 7, 3}, {127, 1, 13}, {17, 33, 4097}, {930, 40, 17},
        {43, 70, 130}};

    private final int threads = WorkerPool.shared().threads();
    private final SplittableRandom random = new SplittableRandom(7);
    private Arena arena;

    @TempDir
    private Path directory;

    @BeforeEach
    void open() {
        arena = Arena.ofShared();
    }

    @AfterEach
    void close() {
        arena.close();
        WorkerPool.shareThreads(threads);
    }

    private static List<Bf16Gemm.Tile> tiles() {
        return Stream.concat(Stream.of(new PlainBf16Tile()), Bf16Tile.create().stream()).toList();
    }

    /** Small whole numbers, whose sums are exact: every element is right to the bit, whatever the strides are. */
    @ParameterizedTest
    @MethodSource("tiles")
    void everySizeAndLayoutIsExact(Bf16Gemm.Tile tile) {
        for (int[] size : SIZES) {
            for (Layout left : Layout.values()) {
                for (Layout right : Layout.values()) {
                    DType type = List.of(DType.F32, DType.BF16, DType.F16).get((left.ordinal() + right.ordinal()) % 3);
                    Matrix a = matrix(type, size[0], size[2], left, this::whole);
                    Matrix b = matrix(DType.BF16, size[2], size[1], right, this::whole);
                    checkExact(size, a, b, false, tile);
                    checkExact(size, a, b, true, tile);
                }
            }
        }
    }

    private double whole() {
        return random.nextInt(-3, 4);
    }

    private void checkExact(int[] size, Matrix a, Matrix b, boolean accumulate, Bf16Gemm.Tile tile) {
        int stride = size[1] + 3;
        Matrix c = matrix(DType.F32, size[0], stride, Layout.ROWS, () -> 5);
        Bf16Gemm.multiply(new Product(size[0], size[1], size[2], a, b, c, accumulate, true), tile);
        for (int i = 0; i < size[0]; i++) {
            for (int j = 0; j < size[1]; j++) {
                double sum = accumulate ? 5 : 0;
                for (int k = 0; k < size[2]; k++) {
                    sum += value(a, i, k) * (double) value(b, k, j);
                }
                if (value(c, i, j) != sum) {
                    assertThat(value(c, i, j)).as("%s, row %d, column %d", Arrays.toString(size), i, j).isEqualTo((float) sum);
                }
            }
            assertThat(value(c, i, size[1])).as("beyond the columns").isEqualTo(5);
        }
    }

    @ParameterizedTest
    @MethodSource("tiles")
    void theLeftOperandIsRoundedAndSumsAreF32(Bf16Gemm.Tile tile) {
        int[] size = {37, 70, 1000};
        Matrix a = matrix(DType.F32, 37, 1000, Layout.ROWS, random::nextGaussian);
        Matrix b = matrix(DType.BF16, 1000, 70, Layout.COLUMNS, random::nextGaussian);
        float[] result = product(size, a, b, true, tile);
        for (int i = 0; i < 37; i++) {
            for (int j = 0; j < 70; j++) {
                double sum = 0;
                double magnitude = 0;
                for (int k = 0; k < 1000; k++) {
                    double term = Bfloat16.toFloat(Bfloat16.of(value(a, i, k))) * (double) value(b, k, j);
                    sum += term;
                    magnitude += Math.abs(term);
                }
                assertThat((double) result[i * 70 + j]).isCloseTo(sum, within(magnitude * 0x1p-20));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("tiles")
    void bitsDependOnTheRowAndTheColumnAlone(Bf16Gemm.Tile tile) {
        int[] size = {47, 41, 4300};
        Matrix a = matrix(DType.F32, 47, 4300, Layout.ROWS, random::nextGaussian);
        Matrix b = matrix(DType.BF16, 4300, 41, Layout.COLUMNS, random::nextGaussian);
        float[] expected = product(size, a, b, false, tile);
        for (int count : new int[] {1, 2, 3, 5}) {
            WorkerPool.shareThreads(count);
            assertThat(product(size, a, b, true, tile)).as("%d threads", count).isEqualTo(expected);
        }
        for (Layout layout : Layout.values()) {
            Matrix a2 = matrix(DType.F32, 47, 4300, layout, () -> 0);
            Matrix b2 = matrix(DType.BF16, 4300, 41, layout, () -> 0);
            copy(a, a2, 47, 4300);
            copy(b, b2, 4300, 41);
            assertThat(product(size, a2, b2, true, tile)).as("%s", layout).isEqualTo(expected);
        }
        Matrix row = a.shifted(37 * a.rowStride());
        Matrix columns = b.shifted(5 * b.columnStride());
        assertThat(product(new int[] {1, 30, 4300}, row, columns, true, tile)).as("a row by itself")
                .isEqualTo(Arrays.copyOfRange(expected, 37 * 41 + 5, 37 * 41 + 35));
    }

    @ParameterizedTest
    @MethodSource("tiles")
    void infinityAndNaNStayInTheirRowsAndColumns(Bf16Gemm.Tile tile) {
        int[] size = {20, 50, 7};
        Matrix a = matrix(DType.F32, 20, 7, Layout.ROWS, () -> 1);
        Matrix b = matrix(DType.BF16, 7, 50, Layout.ROWS, () -> 1);
        Elements.setFloat(a.data(), DType.F32, a.index(3, 6), Float.POSITIVE_INFINITY);
        Elements.setFloat(a.data(), DType.F32, a.index(4, 0), Float.NaN);
        Elements.setFloat(b.data(), DType.BF16, b.index(6, 49), Float.NaN);
        // Leaves NaN in all memory of packed rows.
        WorkerPool.shareThreads(1);
        Matrix ones = matrix(DType.BF16, 8, 50, Layout.ROWS, () -> 1);
        product(new int[] {20, 50, 8}, matrix(DType.F32, 20, 8, Layout.ROWS, () -> Float.NaN), ones, true, tile);
        float[] result = product(size, a, b, true, tile);
        for (int i = 0; i < 20; i++) {
            for (int j = 0; j < 50; j++) {
                float expected = i == 4 || j == 49 ? Float.NaN : i == 3 ? Float.POSITIVE_INFINITY : 7;
                assertThat(result[i * 50 + j]).as("row %d, column %d", i, j).isEqualTo(Float.valueOf(expected));
            }
        }
    }

    /** With the setting, a prompt's products are those of rounded operands where the processor can, and the usual ones elsewhere. */
    @Test
    void theSettingDecidesAndIsSaid() throws Exception {
        String usual = output("-Dkept.cpu.native=off");
        assertThat(usual).endsWith("exact");
        assertThat(output()).isEqualTo(usual);
        String rounded = output("-Dkept.cpu.native=on");
        if (Bf16Tile.create().isPresent()) {
            assertThat(rounded).contains(", products with bf16 weights in machine code").contains(", products of bf16").endsWith("rounded");
        } else {
            assertThat(rounded).isEqualTo(usual);
        }
        assertThat(output("-Dkept.cpu.native=on", "-XX:MaxVectorSize=16")).as("narrow vectors").doesNotContain("machine code").endsWith("exact");
    }

    /** The code is used where the processor has the instruction and the JVM vectors of 512 bits, not nowhere. */
    @Test
    void theProcessorIsRecognised() throws IOException {
        Path processor = Path.of("/proc/cpuinfo");
        boolean has = Files.exists(processor) && Files.readString(processor).contains(" avx512_bf16");
        assertThat(Bf16Tile.create().isPresent()).isEqualTo(has && VectorMath.SPECIES.vectorBitSize() == 512);
    }

    private String output(String... options) throws Exception {
        String[] all = Stream.concat(Stream.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Dkept.threads=2"),
                Stream.of(options)).toArray(String[]::new);
        ChildJvm child = ChildJvm.run(directory, Prompt.class, all);
        assertThat(child.status()).as(child.errors()).isZero();
        return child.output();
    }

    /** Prints the device, and whether a product of five rows has rounded them. */
    static final class Prompt {
        private Prompt() {}

        public static void main(String[] arguments) {
            try (var _ = Scope.open()) {
                Tensor x = Tensor.ones(5, 64).mul(1 + 0x1p-9f);
                Tensor w = Tensor.ones(32, 64).cast(DType.BF16);
                float y = Autograd.withoutRecording(() -> x.matmul(w.transpose(0, 1))).toFloatArray()[0];
                String kind = y == 64 * (1 + 0x1p-9f) ? "exact" : y == 64 ? "rounded" : "wrong";
                System.out.println(Device.cpu().backend().description() + "; " + Device.cpu().backend().arithmetic() + ": " + kind);
            }
        }
    }

    /** Layouts of a matrix in memory. */
    private enum Layout { ROWS, COLUMNS, ODD_START, ODD_COLUMNS, STRIDED }

    private Matrix matrix(DType type, int rows, int columns, Layout layout, DoubleSupplier values) {
        Matrix matrix = switch (layout) {
            case ROWS -> new Matrix(null, type, 0, columns, 1);
            case COLUMNS -> new Matrix(null, type, 0, 1, rows + rows % 2);
            case ODD_START -> new Matrix(null, type, 1, 1, rows + rows % 2);
            case ODD_COLUMNS -> new Matrix(null, type, 0, 1, rows + 1 - rows % 2);
            case STRIDED -> new Matrix(null, type, 3, 2L * columns + 1, 2);
        };
        long count = matrix.index(rows - 1, columns - 1) + 1;
        MemorySegment data = arena.allocate(count * type.bytes(), 64);
        Matrix filled = new Matrix(data, type, matrix.offset(), matrix.rowStride(), matrix.columnStride());
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                Elements.setFloat(data, type, filled.index(i, j), (float) values.getAsDouble());
            }
        }
        return filled;
    }

    private static void copy(Matrix from, Matrix to, int rows, int columns) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                Elements.setFloat(to.data(), to.type(), to.index(i, j), value(from, i, j));
            }
        }
    }

    private static float value(Matrix matrix, int row, int column) {
        return Elements.getFloat(matrix.data(), matrix.type(), matrix.index(row, column));
    }

    private float[] product(int[] size, Matrix a, Matrix b, boolean parallel, Bf16Gemm.Tile tile) {
        Matrix c = matrix(DType.F32, size[0], size[1], Layout.ROWS, () -> Float.NaN);
        Bf16Gemm.multiply(new Product(size[0], size[1], size[2], a, b, c, false, parallel), tile);
        return c.data().toArray(ValueLayout.JAVA_FLOAT);
    }
}
