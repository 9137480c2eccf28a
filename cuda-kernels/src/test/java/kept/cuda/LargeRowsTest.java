package kept.cuda;

import static kept.cuda.LargeOperands.backend;
import static kept.cuda.LargeOperands.value;

import java.util.function.LongToDoubleFunction;
import kept.backend.AttentionOperands;
import kept.backend.DistillationObjective;
import kept.backend.LayerNormParameters;
import kept.backend.TensorMemory;
import kept.cuda.driver.Grid;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** Kernels with a block per row on rows that begin beyond 2^31 elements, and attention with more sequences than a grid has blocks along z. */
class LargeRowsTest extends OnLargeOperands {
    /** A long sequence, and the width of Orion-14B's MLP. */
    private static final int TOKENS = 200_000;
    private static final int WIDTH = 15_360;
    private static final double BF16 = 0x1p-8;
    private static final double F32 = 1e-5;

    private static LongToDoubleFunction mean(int width, LongToDoubleFunction element) {
        LongToDoubleFunction sum = sum(width, element);
        return row -> sum.applyAsDouble(row) / width;
    }

    @Test
    void norms() {
        Tensor x = operands.operand(DType.F32, 1, TOKENS, WIDTH);
        Tensor branch = operands.operand(DType.BF16, 2, TOKENS, WIDTH);
        Tensor weight = operands.operand(DType.F32, 3, WIDTH);
        Tensor bias = operands.operand(DType.F32, 4, WIDTH);
        operands.sample((long) TOKENS * WIDTH);
        Tensor sum = empty(DType.F32, TOKENS, WIDTH);
        Tensor out = empty(DType.BF16, TOKENS, WIDTH);
        Tensor rstd = empty(DType.F32, TOKENS);
        backend().addRmsNorm(x, branch, sum, weight, 1e-5, out, rstd);
        LongToDoubleFunction added = i -> value(1, i) + value(2, i);
        LongToDoubleFunction squares = mean(WIDTH, i -> added.applyAsDouble(i) * added.applyAsDouble(i));
        operands.assertElements(sum, added, 0);
        operands.assertElements(out, i -> added.applyAsDouble(i) * value(3, i % WIDTH) / Math.sqrt(squares.applyAsDouble(i / WIDTH) + 1e-5), BF16);
        operands.assertElements(rstd, row -> 1 / Math.sqrt(squares.applyAsDouble(row) + 1e-5), F32, 0, (1L << 31) / WIDTH, TOKENS - 1);

        Tensor normal = empty(DType.F32, TOKENS, WIDTH);
        backend().layerNorm(x, new LayerNormParameters(weight, bias, 1e-5), normal, empty(DType.F32, TOKENS), empty(DType.F32, TOKENS));
        LongToDoubleFunction average = mean(WIDTH, i -> value(1, i));
        LongToDoubleFunction variance = mean(WIDTH, i -> Math.pow(value(1, i) - average.applyAsDouble(i / WIDTH), 2));
        operands.assertElements(normal, i -> (value(1, i) - average.applyAsDouble(i / WIDTH)) * value(3, i % WIDTH)
                / Math.sqrt(variance.applyAsDouble(i / WIDTH) + 1e-5) + value(4, i % WIDTH), F32);

        // Rows of odd width take other kernels.
        int odd = WIDTH + 1;
        Tensor single = empty(DType.F16, TOKENS, odd);
        operands.sample((long) TOKENS * odd);
        backend().rmsNorm(operands.operand(DType.F16, 1, TOKENS, odd), operands.operand(DType.F32, 3, odd), 1e-5, single, rstd);
        LongToDoubleFunction oddSquares = mean(odd, i -> value(1, i) * value(1, i));
        operands.assertElements(single, i -> value(1, i) * value(3, i % odd) / Math.sqrt(oddSquares.applyAsDouble(i / odd) + 1e-5), BF16);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    @Test
    void swiGlu() {
        Tensor gate = operands.operand(DType.BF16, 1, TOKENS, WIDTH);
        Tensor up = operands.operand(DType.BF16, 2, TOKENS, WIDTH);
        operands.sample((long) TOKENS * WIDTH);
        Tensor out = empty(DType.BF16, TOKENS, WIDTH);
        backend().swiGlu(gate, up, out);
        operands.assertElements(out, i -> value(1, i) * sigmoid(value(1, i)) * value(2, i), BF16);
        Tensor dGate = empty(DType.F32, TOKENS, WIDTH);
        Tensor dUp = empty(DType.F32, TOKENS, WIDTH);
        backend().swiGluGradient(operands.operand(DType.F32, 3, TOKENS, WIDTH), gate, up, dGate, dUp);
        operands.assertElements(dUp, i -> value(3, i) * value(1, i) * sigmoid(value(1, i)), F32);
        operands.assertElements(dGate, i -> {
            double s = sigmoid(value(1, i));
            return value(3, i) * value(2, i) * s * (1 + value(1, i) * (1 - s));
        }, F32);
    }

    @Test
    void rotaryEmbedding() {
        int heads = 120;
        int half = 64;
        Tensor x = operands.operand(DType.BF16, 1, 2, TOKENS / 2, heads, 2 * half);
        Tensor out = empty(DType.BF16, 2, TOKENS / 2, heads, 2 * half);
        Tensor cos = operands.operand(DType.F32, 2, TOKENS / 2, half);
        Tensor sin = operands.operand(DType.F32, 3, TOKENS / 2, half);
        operands.sample((long) TOKENS * heads * 2 * half);
        backend().rotaryEmbedding(x, cos, sin, false, out);
        operands.assertElements(out, i -> {
            long angle = i / (heads * 2 * half) % (TOKENS / 2) * half + i % half;
            boolean first = i % (2 * half) < half;
            double other = first ? -value(1, i + half) : value(1, i - half);
            return value(1, i) * value(2, angle) + other * value(3, angle);
        }, BF16);
    }

    @Test
    void softmaxAndLossesOfLogits() {
        int rows = 40_000;
        int vocabulary = 84_608;
        long[] edges = {0, (1L << 31) / vocabulary, rows - 1};
        Tensor x = operands.operand(DType.F32, 1, rows, vocabulary);
        LongToDoubleFunction teacherSum = byRow(row -> Math.log(vocabulary * mean(vocabulary, i -> Math.exp(value(1, i))).applyAsDouble(row)));
        LongToDoubleFunction studentSum = byRow(row -> Math.log(vocabulary * mean(vocabulary, i -> Math.exp(value(2, i))).applyAsDouble(row)));
        operands.sampleAt((double) (1L << 31) / vocabulary / rows);
        Tensor sums = empty(DType.F32, rows);
        backend().logSumExp(x, sums);
        operands.assertElements(sums, teacherSum, F32, edges);
        Tensor logarithms = empty(DType.F32, rows, vocabulary);
        backend().softmax(true, x, logarithms);
        long last = (long) rows * vocabulary - 1;
        operands.assertElements(logarithms, i -> value(1, i) - teacherSum.applyAsDouble(i / vocabulary), F32, 0, (1L << 31) - 1, 1L << 31, last);

        // Scaled so that gradients are near 1.
        Tensor student = operands.operand(DType.F32, 2, rows, vocabulary);
        Tensor losses = empty(DType.F32, rows);
        backend().distillationRows(DistillationObjective.FORWARD_KL, x, student, null, vocabulary, losses,
                empty(DType.F32, rows));
        operands.assertElements(student, i -> vocabulary * (Math.exp(value(2, i) - studentSum.applyAsDouble(i / vocabulary))
                - Math.exp(value(1, i) - teacherSum.applyAsDouble(i / vocabulary))), F32, 0, (1L << 31) - 1, 1L << 31, last);
        Tensor logits = operands.operand(DType.F32, 2, rows, vocabulary);
        backend().crossEntropyRows(logits, operands.operand(DType.I64, row -> row % vocabulary, rows), vocabulary, losses);
        operands.assertElements(losses, row -> studentSum.applyAsDouble(row) - value(2, row * vocabulary + row % vocabulary), F32, edges);
        operands.assertElements(logits, i -> vocabulary * (Math.exp(value(2, i) - studentSum.applyAsDouble(i / vocabulary))
                - (i % vocabulary == i / vocabulary % vocabulary ? 1 : 0)), F32, 0, (1L << 31) - 1, 1L << 31, last);
    }

    /** Two keys for each query of one token, 240 heads: results of more than 2^31 elements, in two launches. */
    @Test
    void attentionOfMoreSequencesThanAGridHasBlocksAlongZ() {
        attention(DType.BF16, 70_000, 240, 128);
        attention(DType.F32, 66_000, 40, 24);
    }

    private void attention(DType dtype, int batch, int heads, int width) {
        double scale = 0.125;
        long elements = (long) batch * heads * width;
        double tolerance = dtype == DType.BF16 ? 4 * BF16 : F32;
        Tensor q = operands.operand(dtype, 1, batch, 1, heads, width);
        Tensor k = operands.operand(dtype, 2, batch, 2, heads, width);
        Tensor v = operands.operand(dtype, 3, batch, 2, heads, width);
        var of = new AttentionOperands(q, k, v, scale);
        operands.sample(65_535L * heads * width);
        Tensor out = empty(dtype, batch, 1, heads, width);
        Tensor logSumExp = empty(DType.F32, batch, heads, 1);
        backend().attention(of, out, logSumExp);
        // Row r of the queries, batch and head, has the keys r0 and r0 + heads.
        LongToDoubleFunction first = row -> scale * dot(1, row, 2, row / heads * 2 * heads + row % heads, width);
        LongToDoubleFunction second = row -> scale * dot(1, row, 2, (row / heads * 2 + 1) * heads + row % heads, width);
        LongToDoubleFunction weight = byRow(row -> sigmoid(first.applyAsDouble(row) - second.applyAsDouble(row)));
        LongToDoubleFunction sum = byRow(row -> Math.max(first.applyAsDouble(row), second.applyAsDouble(row))
                + Math.log1p(Math.exp(-Math.abs(first.applyAsDouble(row) - second.applyAsDouble(row)))));
        LongToDoubleFunction result = i -> {
            long row = i / width;
            long at = (row / heads * 2 * heads + row % heads) * width + i % width;
            double share = weight.applyAsDouble(row);
            return share * value(3, at) + (1 - share) * value(3, at + (long) heads * width);
        };
        long piece = 65_535L * heads * width;
        operands.assertElements(out, result, tolerance, 0, piece - 1, piece, elements - 1);
        operands.assertElements(logSumExp, sum, F32, 0, 65_535L * heads - 1, 65_535L * heads, (long) batch * heads - 1);

        Tensor gradient = operands.operand(DType.F32, 4, batch, 1, heads, width);
        Tensor saved = operands.operand(DType.F32, sum, batch, heads, 1);
        Tensor attended = operands.operand(dtype, result, batch, 1, heads, width);
        Tensor dq = empty(DType.F32, batch, 1, heads, width);
        Tensor dk = empty(DType.F32, batch, 2, heads, width);
        Tensor dv = empty(DType.F32, batch, 2, heads, width);
        backend().attentionGradient(of, attended, saved, gradient, dq, dk, dv);
        operands.assertElements(dv, i -> {
            long row = i / width / heads / 2 * heads + i / width % heads;
            double share = weight.applyAsDouble(row);
            return (i / width / heads % 2 == 0 ? share : 1 - share) * value(4, row * width + i % width);
        }, tolerance, 0, 2 * piece - 1, 2 * piece, 2 * elements - 1);
    }

    private static double dot(int a, long rowA, int b, long rowB, int width) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += value(a, rowA * width + i) * value(b, rowB * width + i);
        }
        return sum;
    }

    /** The sequences of a batch lie further apart than a 32-bit offset reaches. */
    @Test
    void attentionOfSequencesThatLieFarApart() {
        long apart = (1L << 31) + 64;
        for (DType dtype : new DType[] {DType.BF16, DType.F32}) {
            int width = dtype == DType.BF16 ? 64 : 5;
            long[] strides = {apart, width, width, 1};
            Tensor[] parts = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                parts[i] = TensorMemory.view(operands.operand(dtype, i + 1, 2 * apart), Shape.of(2, 1, 1, width), strides, 0);
            }
            Tensor out = empty(dtype, 2, 1, 1, width);
            backend().attention(new AttentionOperands(parts[0], parts[1], parts[2], 0.5), out, empty(DType.F32, 2, 1, 1));
            operands.assertElements(out, i -> value(3, i / width * apart + i % width), 0, 0, width, 2L * width - 1);
        }
    }

    /** More than 2^32 tokens: the last block's are the first queries, or the last keys, of the last sequence. */
    @Test
    void gradientsOfMoreTokensThan32BitsCount() {
        int batch = 65_535;
        int tokens = 65_600;
        double scale = 0.5;
        Tensor[] parts = new Tensor[3];
        for (int i = 0; i < 3; i++) {
            parts[i] = operands.operand(DType.F32, i + 1, batch, tokens, 1, 1);
        }
        Tensor gradient = operands.operand(DType.F32, 4, batch, tokens, 1, 1);
        Tensor logSumExp = operands.operand(DType.F32, 5, batch, 1, tokens);
        Tensor delta = operands.operand(DType.F32, 6, batch, 1, tokens);
        SizedCudaProvider.largeGpu().runLastBlock();
        long start = (batch - 1L) * tokens;
        // With d(p)[t, s] = p (gradient[t] v[s] - delta[t]) and p = e^(scale q[t] k[s] - logSumExp[t]).
        DoubleOfTwo weight = (t, s) -> Math.exp(scale * value(1, start + t) * value(2, start + s) - value(5, start + t));
        DoubleOfTwo slope = (t, s) -> weight.of(t, s) * (value(4, start + t) * value(3, start + s) - value(6, start + t));

        Tensor dq = empty(DType.F32, batch, tokens, 1, 1);
        gradientKernel("attention_dq_generic_f32", 3, parts, gradient, logSumExp, delta, scale, dq);
        operands.assertElements(dq, i -> {
            double sum = 0;
            for (long s = 0; s <= i - start; s++) {
                sum += slope.of(i - start, s) * value(2, start + s);
            }
            return scale * sum;
        }, F32, start, start + 31);

        Tensor dk = empty(DType.F32, batch, tokens, 1, 1);
        Tensor dv = empty(DType.F32, batch, tokens, 1, 1);
        gradientKernel("attention_dkv_generic_f32", 4, parts, gradient, logSumExp, delta, scale, dk, dv);
        operands.assertElements(dk, i -> {
            double sum = 0;
            for (long t = i - start; t < tokens; t++) {
                sum += slope.of(t, i - start) * value(1, start + t);
            }
            return scale * sum;
        }, F32, start + tokens - 32, start + tokens - 1);
    }

    /** A number for each query and key. */
    private interface DoubleOfTwo {
        double of(long query, long key);
    }

    /** Launches a kernel of the backward pass for sequences of one head of dimension 1, with blocks of 8 warps that own 4 rows each. */
    private static void gradientKernel(String entry, int owned, Tensor[] parts, Tensor gradient, Tensor logSumExp, Tensor delta, double scale,
            Tensor... results) {
        int batch = (int) parts[0].size(0);
        int tokens = (int) parts[0].size(1);
        Launch launch = backend().gpu().launch("attention_generic", entry, new Grid(tokens / 32, 1, batch, 256, 1), 4 * (owned * 32 + 32 + 32 * 32));
        for (Tensor part : parts) {
            launch.pointer(part).longs(part.stride(0), part.stride(1), part.stride(2));
        }
        launch.pointer(gradient).pointer(logSumExp).pointer(delta);
        for (Tensor result : results) {
            launch.pointer(result);
        }
        launch.i32(tokens).i32(tokens).i32(1).i32(1).i32(1).f32(scale).run();
    }
}
