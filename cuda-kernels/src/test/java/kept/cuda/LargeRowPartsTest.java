package kept.cuda;

import static kept.cuda.LargeOperands.backend;
import static kept.cuda.LargeOperands.value;

import java.util.HashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;
import kept.backend.AttentionOperands;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.TensorMemory;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/**
 * Kernels with a block per row, or whose blocks loop over rows, beyond 2^31 elements. The latter are launched with so many blocks that each takes
 * two turns; the backend's launches would take minutes.
 */
class LargeRowPartsTest extends OnLargeOperands {
    private static final double BF16 = 0x1p-8;
    private static final double F32 = 1e-5;

    /** What the backward passes of norms compute: n is the normalised input, w the weight, g the gradient. */
    private static final class NormGradient {
        static final int GRADIENT = 1;
        static final int INPUT = 2;
        static final int WEIGHT = 3;
        static final int MEAN = 4;
        static final int SCALE = 5;
        static final int BEFORE = 6;
        final boolean centred;
        final int width;
        final LongToDoubleFunction products;
        final LongToDoubleFunction sums;

        NormGradient(boolean centred, int width) {
            this.centred = centred;
            this.width = width;
            products = sum(width, i -> weighted(i) * normal(i));
            sums = sum(width, this::weighted);
        }

        private double normal(long i) {
            return (value(INPUT, i) - (centred ? value(MEAN, i / width) : 0)) * value(SCALE, i / width);
        }

        private double weighted(long i) {
            return value(GRADIENT, i) * value(WEIGHT, i % width);
        }

        double of(long i) {
            long row = i / width;
            double shared = centred ? sums.applyAsDouble(row) / width : 0;
            return value(SCALE, row) * (weighted(i) - shared - normal(i) * products.applyAsDouble(row) / width);
        }

        /** The share of the weight's gradient of the rows of a block. */
        double ofWeight(long i, long blocks, long rows) {
            double sum = 0;
            for (long row = i / width; row < rows; row += blocks) {
                sum += value(GRADIENT, row * width + i % width) * normal(row * width + i % width);
            }
            return sum;
        }

        double ofBias(long i, long blocks, long rows) {
            double sum = 0;
            for (long row = i / width; row < rows; row += blocks) {
                sum += value(GRADIENT, row * width + i % width);
            }
            return sum;
        }
    }

    @Test
    void gradientsOfNormsInTwoTurns() {
        normGradient("rms_norm_gradient_bf16", DType.BF16, false, 8192, 512);
        normGradient("layer_norm_gradient_f32", DType.F32, true, 8192, 512);
        normGradient("add_rms_norm_gradient_f32", DType.F32, false, 8192, 512);
        normGradient("norm_gradient_any", DType.F16, true, 8191, 256);
    }

    private void normGradient(String entry, DType dtype, boolean centred, int width, int threads) {
        boolean adds = entry.startsWith("add_");
        boolean any = entry.endsWith("_any");
        long blocks = (1L << 31) / width + 500;
        long rows = 2 * blocks - 1;
        var expected = new NormGradient(centred, width);
        Tensor dx = adds ? operands.operand(DType.F32, NormGradient.BEFORE, rows, width) : empty(DType.F32, rows, width);
        Tensor rounded = adds ? empty(DType.BF16, rows, width) : null;
        Tensor weights = empty(DType.F32, blocks, width);
        Tensor biases = empty(DType.F32, blocks, width);
        long edge = (1L << 31) / width;
        // The rows with elements 2^31 and 2^32, the latter in a second turn, and the block with the sum's element 2^31.
        operands.sampleAt((edge + 0.5) / blocks, ((1L << 32) / width - blocks + 0.5) / blocks);
        Launch launch = backend().gpu().launch("norm", entry, Grid.of(blocks, threads)).pointer(dx);
        if (adds) {
            launch.pointer(rounded);
        }
        launch.pointer(weights);
        if (centred) {
            launch.pointer(biases);
        }
        launch.pointer(operands.operand(DType.F32, NormGradient.GRADIENT, rows, width));
        Tensor x = operands.operand(dtype, NormGradient.INPUT, rows, width);
        if (any) {
            launch.longs(LargeOperands.address(x), 2);
        } else {
            launch.pointer(x);
        }
        launch.longs(LargeOperands.address(operands.operand(DType.F32, NormGradient.WEIGHT, width)), 0);
        if (centred) {
            launch.pointer(operands.operand(DType.F32, NormGradient.MEAN, rows));
        }
        launch.pointer(operands.operand(DType.F32, NormGradient.SCALE, rows)).i64(rows).i32(width).run();

        LongToDoubleFunction result = i -> expected.of(i) + (adds ? value(NormGradient.BEFORE, i) : 0);
        long[] required = {0, (1L << 31) - 1, 1L << 31, (1L << 32) - 1, 1L << 32, rows * width - 1};
        operands.assertElements(dx, result, F32, required);
        if (adds) {
            operands.assertElements(rounded, result, BF16, required);
        }
        long[] ofSums = {0, (1L << 31) - 1, 1L << 31, blocks * width - 1};
        operands.assertElements(weights, i -> expected.ofWeight(i, blocks, rows), F32, ofSums);
        if (centred) {
            operands.assertElements(biases, i -> expected.ofBias(i, blocks, rows), F32, ofSums);
        }
    }

    @Test
    void sumsOfNormsGradients() {
        int width = 1 << 30;
        int groups = 5;
        Tensor out = operands.operand(DType.F32, 2, width);
        operands.sample(width);
        backend().gpu().launch("norm", "norm_weight_gradient", new Grid(width / 32, 1, 1, 32, 8))
                .pointer(out).pointer(operands.operand(DType.F32, 1, groups, width)).i32(groups).i32(width).run();
        operands.assertElements(out, i -> {
            double sum = value(2, i);
            for (long group = 0; group < groups; group++) {
                sum += value(1, group * width + i);
            }
            return sum;
        }, F32, 0, (1 << 29) - 1, 1 << 29, width - 1);
    }

    @Test
    void gradientsOfSoftmaxAndOtherDivergences() {
        int width = 1000;
        long rows = (1L << 32) / width + 100;
        long last = rows * width - 1;
        long[] required = {0, (1L << 31) - 1, 1L << 31, (1L << 32) - 1, 1L << 32, last};
        Tensor gradient = operands.operand(DType.F32, 1, rows, width);
        Tensor dx = empty(DType.F32, rows, width);
        operands.sample(rows * width);
        backend().softmaxGradient(false, gradient, operands.operand(DType.BF16, 2, rows, width), dx);
        LongToDoubleFunction common = sum(width, i -> value(1, i) * value(2, i));
        operands.assertElements(dx, i -> (value(1, i) - common.applyAsDouble(i / width)) * value(2, i), F32, required);

        LongToDoubleFunction teacherSum = sum(width, i -> Math.exp(value(1, i)));
        LongToDoubleFunction studentSum = sum(width, i -> Math.exp(value(2, i)));
        LongToDoubleFunction p = i -> Math.exp(value(1, i)) / teacherSum.applyAsDouble(i / width);
        LongToDoubleFunction q = i -> Math.exp(value(2, i)) / studentSum.applyAsDouble(i / width);
        LongToDoubleFunction reverse = i -> Math.log(q.applyAsDouble(i) / p.applyAsDouble(i));
        divergence(Divergence.REVERSE_KL, q, reverse, required, rows, width);
        LongToDoubleFunction mixed = i -> Math.log(2 * q.applyAsDouble(i) / (p.applyAsDouble(i) + q.applyAsDouble(i)));
        divergence(Divergence.JENSEN_SHANNON, i -> q.applyAsDouble(i) / 2, mixed, required, rows, width);
    }

    /** The gradient of a sum of {@code q f} by the student's logits is {@code q (slope - sum q slope)}, where the slope is that of the sum by q. */
    private void divergence(Divergence of, LongToDoubleFunction q, LongToDoubleFunction slope, long[] required, long rows, int width) {
        Tensor student = operands.operand(DType.F32, 2, rows, width);
        backend().distillationRows(new DistillationObjective(of, 1, 0), operands.operand(DType.F32, 1, rows, width), student, null, width,
                empty(DType.F32, rows), empty(DType.F32, rows));
        LongToDoubleFunction mass = sum(width, q);
        LongToDoubleFunction average = sum(width, i -> q.applyAsDouble(i) * slope.applyAsDouble(i));
        operands.assertElements(student, i -> width * q.applyAsDouble(i) * (slope.applyAsDouble(i)
                - average.applyAsDouble(i / width) / mass.applyAsDouble(i / width)), 4 * F32, required);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** Operands that begin at an odd element take the kernels of single elements. */
    @Test
    void roundedGradientsOfSwiGluAndSingleElements() {
        long count = (1L << 32) + 1000;
        operands.sample(count);
        Tensor gate = operands.operand(DType.BF16, 1, count);
        Tensor up = operands.operand(DType.BF16, 2, count);
        Tensor gradient = operands.operand(DType.F32, 3, count);
        for (int from = 0; from < 2; from++) {
            Tensor[] parts = {gradient, gate, up, empty(DType.BF16, count), empty(DType.BF16, count)};
            Tensor[] views = new Tensor[parts.length];
            for (int i = 0; i < parts.length; i++) {
                views[i] = TensorMemory.view(parts[i], Shape.of(count - from), new long[] {1}, from);
            }
            backend().swiGluGradientRounded(views[0], views[1], views[2], views[3], views[4]);
            long[] required = {from, (1L << 31) - 1, 1L << 31, count - 1};
            operands.assertElements(parts[3], i -> {
                double s = sigmoid(value(1, i));
                return value(3, i) * value(2, i) * s * (1 + value(1, i) * (1 - s));
            }, BF16, required);
            operands.assertElements(parts[4], i -> value(3, i) * value(1, i) * sigmoid(value(1, i)), BF16, required);
        }
    }

    /** Queries of more than 2^31 elements, and caches whose sequences lie further apart. */
    @Test
    void rotationsIntoCaches() {
        int tokens = 2_200_000;
        int heads = 4;
        int half = 64;
        int width = 2 * half;
        long capacity = (1L << 32) / width / 2;
        Tensor q = operands.operand(DType.BF16, 1, 2, tokens, heads, width);
        Tensor k = operands.operand(DType.BF16, 2, 2, tokens, 1, width);
        Tensor v = operands.operand(DType.BF16, 3, 2, tokens, 1, width);
        Tensor cos = operands.operand(DType.F32, 4, tokens, half);
        Tensor sin = operands.operand(DType.F32, 5, tokens, half);
        long apart = capacity * width;
        Tensor[] caches = {empty(DType.BF16, 2 * apart), empty(DType.BF16, 2 * apart)};
        Tensor[] views = new Tensor[2];
        for (int i = 0; i < 2; i++) {
            views[i] = TensorMemory.view(caches[i], Shape.of(2, tokens, 1, width), new long[] {apart, width, width, 1}, 0);
        }
        operands.sample(2L * tokens * heads * width);
        backend().rotaryAppend(q, k, v, cos, sin, views[0], views[1]);
        long lastQuery = 2L * tokens * heads * width - 1;
        operands.assertElements(q, i -> rotated(1, i, i / (heads * width) % tokens, half), BF16, 0, (1L << 31) - 1, 1L << 31, lastQuery);
        long lastKey = apart + (long) tokens * width - 1;
        LongToDoubleFunction source = i -> i / apart * tokens * width + i % apart;
        operands.assertElements(caches[0], i -> rotated(2, (long) source.applyAsDouble(i), i % apart / width, half), BF16, 0, lastKey);
        operands.assertElements(caches[1], i -> value(3, (long) source.applyAsDouble(i)), 0, 0, lastKey);
    }

    private static double rotated(int seed, long i, long token, int half) {
        long angle = token * half + i % half;
        double other = i % (2 * half) < half ? -value(seed, i + half) : value(seed, i - half);
        return value(seed, i) * value(4, angle) + other * value(5, angle);
    }

    /** Keys that lie 2^24 elements apart, in sequences that lie further apart, and 2^32 elements of pieces. */
    @Test
    void attentionThatSharesTheKeysOfAHead() {
        int keys = 300;
        int width = 128;
        int batch = 60_000;
        int heads = 300;
        int pieces = 2;
        double scale = 0.125;
        Tensor q = operands.operand(DType.BF16, 1, batch, 1, heads, width);
        long[] strides = {width * 7L, 1L << 24, width * 5L, 1};
        Tensor[] caches = new Tensor[2];
        for (int i = 0; i < 2; i++) {
            Tensor all = operands.operand(DType.BF16, 2 + i, batch * strides[0] + keys * strides[1] + heads * strides[2]);
            caches[i] = TensorMemory.view(all, Shape.of(batch, keys, heads, width), strides, 0);
        }
        long rows = (long) batch * heads;
        Tensor parts = empty(DType.F32, rows * pieces * width);
        Tensor statistics = empty(DType.F32, rows * pieces * 2);
        operands.sample(rows * pieces * width);
        Launch split = backend().gpu().launch("attention_split", "attention_split_128_rows_1_bf16", new Grid(pieces, heads, batch, 128, 1));
        AttentionShape.operands(split, new AttentionOperands(q, caches[0], caches[1], scale)).pointer(parts).pointer(statistics)
                .i32(1).i32(keys).i32(heads).i32(heads).i32(width).f32(scale).longs(new long[33]).run();

        // Of piece and row: scores in base 2, their maximum, and sums of values weighted by powers of 2.
        var of = new Pieces(keys, pieces, width, heads, strides, scale / Math.log(2));
        operands.assertElements(statistics, i -> i % 2 == 0 ? of.maximum(i / 2) : of.total(i / 2), 1e-4, 0, 1, rows * pieces * 2 - 1);
        operands.assertElements(parts, i -> of.part(i / width, (int) (i % width)), 1e-4,
                0, (1L << 31) - 1, 1L << 31, rows * pieces * width - 1);
        combine(rows, pieces, keys, heads, width);
    }

    /** Pieces of attention, as the first of its kernels computes them. */
    private record Pieces(int keys, int pieces, int width, int heads, long[] strides, double scale) {
        private double score(long piece, int key) {
            long row = piece / pieces;
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += value(1, row * width + d) * value(2, place(row, key) + d);
            }
            return scale * sum;
        }

        private long place(long row, int key) {
            return row / heads * strides[0] + key * strides[1] + row % heads * strides[2];
        }

        private int first(long piece) {
            return (int) (piece % pieces) * SplitAttention.SPLIT;
        }

        private int end(long piece) {
            return Math.min(keys, first(piece) + SplitAttention.SPLIT);
        }

        double maximum(long piece) {
            double maximum = Double.NEGATIVE_INFINITY;
            for (int key = first(piece); key < end(piece); key++) {
                maximum = Math.max(maximum, score(piece, key));
            }
            return maximum;
        }

        double total(long piece) {
            double maximum = maximum(piece);
            double total = 0;
            for (int key = first(piece); key < end(piece); key++) {
                total += Math.pow(2, score(piece, key) - maximum);
            }
            return total;
        }

        double part(long piece, int d) {
            double[] weights = WEIGHTS.computeIfAbsent(piece, _ -> {
                double maximum = maximum(piece);
                double[] of = new double[end(piece) - first(piece)];
                for (int key = 0; key < of.length; key++) {
                    of[key] = Math.pow(2, score(piece, first(piece) + key) - maximum);
                }
                return of;
            });
            double sum = 0;
            for (int key = 0; key < weights.length; key++) {
                sum += weights[key] * value(3, place(piece / pieces, first(piece) + key) + d);
            }
            return sum;
        }

        private static final Map<Long, double[]> WEIGHTS = new HashMap<>();
    }

    private void combine(long rows, int pieces, int keys, int heads, int width) {
        Tensor parts = operands.operand(DType.F32, 4, rows * pieces * width);
        Tensor statistics = operands.operand(DType.F32, i -> i % 2 == 0 ? value(5, i) : 3 + value(5, i), rows * pieces * 2);
        Tensor out = empty(DType.BF16, rows * width);
        Tensor logSumExp = empty(DType.F32, rows);
        backend().gpu().launch("attention_split", "attention_combine_128_bf16", Grid.of(rows, 256)).pointer(parts).pointer(statistics)
                .pointer(out).pointer(logSumExp).i32(1).i32(keys).i32(heads).i32(heads).i32(pieces).i32(width).longs(new long[33]).run();
        LongToDoubleFunction total = row -> weight(2 * row) * (3 + value(5, 4 * row + 1)) + weight(2 * row + 1) * (3 + value(5, 4 * row + 3));
        operands.assertElements(out, i -> {
            long row = i / width;
            return (weight(2 * row) * value(4, 2 * row * width + i % width) + weight(2 * row + 1) * value(4, (2 * row + 1) * width + i % width))
                    / total.applyAsDouble(row);
        }, BF16, 0, (1L << 30) - 1, 1L << 30, rows * width - 1);
        operands.assertElements(logSumExp, row -> Math.log(total.applyAsDouble(row)), 1e-4, 0, rows - 1);
    }

    private static double weight(long piece) {
        return Math.pow(2, value(5, 2 * piece));
    }
}
