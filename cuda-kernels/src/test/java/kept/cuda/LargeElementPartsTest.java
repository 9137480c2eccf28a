package kept.cuda;

import static kept.cuda.LargeOperands.backend;
import static kept.cuda.LargeOperands.value;

import java.util.function.LongToDoubleFunction;
import kept.backend.Distribution;
import kept.backend.composition.Philox;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/**
 * Random numbers, the first parts of sums, and the kernels of least squares, with indices beyond 2^31 or the largest operands that they have. The
 * kernels are launched by themselves, so that a part of their blocks can run without what the others compute.
 */
class LargeElementPartsTest extends OnLargeOperands {
    private static final long TWO_TO_31 = 1L << 31;
    private static final long MORE = (1L << 32) + 1000;
    private static final int THREADS = 256;

    private static int word(long i, long seed, long stream) {
        int[] words = new int[4];
        Philox.words(i / 4, stream, seed, words);
        return words[(int) (i % 4)];
    }

    /** Four numbers are of one block of Philox, and two of them are a pair of Box and Muller's. */
    @Test
    void randomNumbers() {
        long count = 4 * MORE;
        long seed = 0x1234_5678_9abc_def0L;
        Tensor out = empty(DType.F32, count);
        // The number of a block of four needs a 33rd bit.
        operands.sampleAt(0x1p31 / count, 0x1p32 / count, 0x1p34 / count);
        long[] required = {0, TWO_TO_31, 2 * TWO_TO_31, (1L << 34) - 1, 1L << 34, count - 1};
        backend().random(Distribution.UNIFORM, seed, 7, out);
        operands.assertElements(out, i -> (word(i, seed, 7) >>> 8) * 0x1p-24, 0, required);
        Tensor normal = empty(DType.F32, count);
        backend().random(Distribution.NORMAL, seed, 8, normal);
        operands.assertElements(normal, i -> {
            double radius = Math.sqrt(-2 * Math.log(((word(i / 2 * 2, seed, 8) >>> 8) + 1) * 0x1p-24));
            double angle = 2 * Math.PI * (word(i / 2 * 2 + 1, seed, 8) >>> 8) * 0x1p-24;
            return radius * (i % 2 == 0 ? Math.cos(angle) : Math.sin(angle));
        }, 1e-5, required);
    }

    @Test
    void sumsOfSquaresOfChunks() {
        squares("optimizer", "squares_of_chunks_bf16", operands.operand(DType.BF16, 1, MORE), 1, 1 << 16);
        squares("optimizer", "squares_of_chunks_f32", operands.operand(DType.F32, 2, MORE), 2, 1 << 16);
        squares("equations", "squares_of_chunks_f64", operands.doubles(i -> value(3, i), MORE), 3, 1 << 11);
    }

    private void squares(String module, String entry, Tensor x, int seed, int chunk) {
        long chunks = Math.ceilDiv(MORE, chunk);
        Tensor sums = LargeOperands.doubles(chunks);
        operands.sampleAt(0x1p31 / MORE, 0x1p32 / MORE);
        backend().gpu().launch(module, entry, Grid.of(chunks, THREADS)).pointer(x).pointer(sums).i64(MORE).i32(chunk).run();
        operands.assertDoubles(sums, at -> {
            double sum = 0;
            for (long i = at * chunk; i < Math.min((at + 1) * chunk, MORE); i++) {
                sum += value(seed, i) * value(seed, i);
            }
            return sum;
        }, 1e-12, 0, TWO_TO_31 / chunk - 1, TWO_TO_31 / chunk, chunks - 1);
    }

    /** One result of 2^32 elements, of which each block, or each thread, takes a chunk. */
    @Test
    void chunksOfReductions() {
        int length = (1 << 16) + 6400;
        int chunks = (int) Math.ceilDiv(MORE, length);
        Tensor x = operands.operand(DType.F32, 1, MORE);
        Tensor sums = empty(DType.F32, chunks);
        operands.sampleAt(0x1p31 / MORE, 0x1p32 / MORE);
        Tensor out = empty(DType.F32, 1);
        Loops kept = Loops.over(new long[0], new long[][] {{}, {}}, out, x);
        Loops reduced = Loops.over(new long[] {MORE}, new long[][] {{1}}, x);
        backend().gpu().launch("reduction", "sum_by_blocks_f32", new Grid(1, chunks, 1, THREADS, 1)).pointer(out).pointer(x).pointer(sums)
                .i64(length).longs(kept.words()).longs(reduced.words()).run();
        operands.assertElements(sums, at -> {
            double sum = 0;
            for (long i = at * length; i < Math.min((at + 1) * length, MORE); i++) {
                sum += value(1, i);
            }
            return sum;
        }, 1e-5, 0, TWO_TO_31 / length, chunks - 1);
    }

    /** The widest matrix of least squares has just below 2^31 elements, so that offsets in bytes have 34 bits. */
    private static final int WIDEST = 46_340;

    private static final long MATRIX = (long) WIDEST * WIDEST;

    private static Launch elementwise(String entry) {
        return backend().gpu().launch("equations", entry, Grid.of(1 << 23, THREADS));
    }

    @Test
    void elementsOfLeastSquares() {
        // Two turns of a grid of 2^31 threads.
        long all = 2 * TWO_TO_31;
        operands.sampleAt(0.5);
        long[] required = {0, TWO_TO_31 - 1, TWO_TO_31, all - 1};
        Tensor wide = LargeOperands.doubles(all);
        elementwise("widen_rows_f32").pointer(operands.operand(DType.F32, 1, all)).pointer(wide).i64(all).run();
        operands.assertDoubles(wide, i -> value(1, i), 0, required);
        Tensor filled = LargeOperands.doubles(all);
        elementwise("fill_f64").pointer(filled).f64(2.5).i64(all).run();
        operands.assertDoubles(filled, _ -> 2.5, 0, required);

        int width = 1000;
        int channels = 300;
        long rows = all / channels;
        long count = rows * channels;
        LongToDoubleFunction place = i -> (double) (i / channels * width + i % channels * width / channels);
        Tensor selected = LargeOperands.doubles(count);
        elementwise("select_channels_f64").pointer(operands.doubles(i -> value(2, i), rows * width)).pointer(selected).i64(count)
                .i32(width).i32(channels).run();
        long[] edges = {0, TWO_TO_31 - 1, TWO_TO_31, count - 1};
        operands.assertDoubles(selected, i -> value(2, (long) place.applyAsDouble(i)), 0, edges);
        Tensor ofD = LargeOperands.doubles(count);
        Tensor ofSum = LargeOperands.doubles(count);
        elementwise("select_rows_f32").pointer(operands.operand(DType.F32, 3, rows * width)).pointer(operands.operand(DType.F32, 4, rows * width))
                .pointer(ofD).pointer(ofSum).i64(count).i32(width).i32(channels).run();
        operands.assertDoubles(ofD, i -> value(4, (long) place.applyAsDouble(i)), 0, edges);
        operands.assertDoubles(ofSum, i -> value(4, (long) place.applyAsDouble(i)) + value(3, (long) place.applyAsDouble(i)), 0, edges);
    }

    @Test
    void theWidestMatrixOfLeastSquares() {
        // Each element of a diagonal is in a page of its own.
        Tensor matrix = matrix(1);
        operands.sampleAt();
        backend().gpu().launch("equations", "shift_diagonal_f64", Grid.of(Math.ceilDiv(WIDEST, THREADS), THREADS))
                .pointer(matrix).f64(10).i64(WIDEST).i64(WIDEST).run();
        operands.assertDoubles(matrix, i -> value(1, i) + (i % (WIDEST + 1) == 0 ? 10 : 0), 0, 0, MATRIX - 1);

        Tensor total = operands.doubles(_ -> 3, 1);
        int count = 300;
        long apart = 1L << 24;
        backend().gpu().launch("equations", "add_to_total_f64", Grid.of(1, THREADS))
                .pointer(operands.doubles(i -> value(2, i), count * apart)).pointer(total).i64(count).i64(apart).run();
        operands.assertDoubles(total, _ -> {
            double sum = 3;
            for (long i = 0; i < count; i++) {
                sum += value(2, i * apart);
            }
            return sum;
        }, 1e-12, 0);

        Tensor transposed = empty(DType.F32, MATRIX);
        operands.sampleAt(0x1p28 / MATRIX, 0x1p29 / MATRIX);
        int tiles = Math.ceilDiv(WIDEST, 32);
        backend().gpu().launch("equations", "round_transposed_f64", new Grid(tiles, tiles, 1, THREADS, 1))
                .pointer(matrix(2)).pointer(transposed).i64(WIDEST).run();
        operands.assertElements(transposed, i -> value(2, i % WIDEST * WIDEST + i / WIDEST), 0, 0, MATRIX - 1);
    }

    private Tensor matrix(int seed) {
        return operands.doubles(i -> value(seed, i), MATRIX);
    }

    /** A diagonal matrix with rows 2^26 elements apart, and right sides of more than 2^31 columns. */
    @Test
    void factorsAndSolutionsWithRowsThatLieFarApart() {
        int size = 64;
        long apart = 1L << 26;
        LongToDoubleFunction diagonal = row -> 4 + row % 3 * 5;
        Tensor matrix = operands.doubles(i -> i % (apart + 1) == 0 ? diagonal.applyAsDouble(i / apart) : 0, size * apart);
        Tensor failure = operands.doubles(_ -> 0, 2);
        backend().gpu().launch("equations", "cholesky_block_f64", Grid.of(1, THREADS))
                .pointer(matrix).i64(apart).i32(size).i32(0).pointer(failure).run();
        operands.assertDoubles(matrix, i -> i % (apart + 1) == 0 ? Math.sqrt(diagonal.applyAsDouble(i / apart)) : 0, 1e-12, 0,
                (size - 1) * (apart + 1));

        int rows = 3;
        long columns = TWO_TO_31 + 50;
        long stride = columns + 14;
        operands.sampleAt(0x1p28 / columns, 0x1p29 / columns);
        for (String entry : new String[] {"solve_transposed_f64", "solve_upper_f64"}) {
            Tensor sides = operands.doubles(i -> value(5, i), rows * stride);
            Tensor factor = operands.doubles(i -> i % (apart + 1) == 0 ? diagonal.applyAsDouble(i / apart) : 0, rows * apart);
            backend().gpu().launch("equations", entry, Grid.of(Math.ceilDiv(columns, 32L), THREADS))
                    .pointer(factor).i64(apart).i32(rows).pointer(sides).i64(stride).i64(columns).run();
            operands.assertDoubles(sides, i -> i % stride < columns ? value(5, i) / diagonal.applyAsDouble(i / stride) : value(5, i), 1e-12,
                    0, columns - 1, stride, 2 * stride + columns - 1);
        }
    }
}
