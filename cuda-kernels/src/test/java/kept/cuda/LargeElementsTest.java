package kept.cuda;

import static kept.cuda.LargeOperands.backend;
import static kept.cuda.LargeOperands.value;

import java.util.function.LongUnaryOperator;
import kept.backend.AdamWStep;
import kept.backend.Binary;
import kept.backend.Reduction;
import kept.backend.TensorMemory;
import kept.backend.Unary;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** Elementwise, index, reduction and optimizer kernels on operands whose indices and offsets need more than 32 bits. */
class LargeElementsTest extends OnLargeOperands {
    private static final long MORE = (1L << 32) + (1 << 20) + 3;

    @Test
    void denseOperandsOfMoreThanTwoToThe32Elements() {
        Tensor half = operands.operand(DType.BF16, 1, MORE);
        Tensor wide = operands.operand(DType.F32, 2, MORE);
        Tensor out = empty(DType.BF16, MORE);
        operands.sample(MORE);
        backend().unary(Unary.NEGATE, half, out);
        operands.assertElements(out, i -> -value(1, i), 0);
        Tensor sum = empty(DType.F32, MORE);
        backend().mixedAdd(wide, half, sum);
        operands.assertElements(sum, i -> value(1, i) + value(2, i), 0);
        Tensor product = empty(DType.F32, MORE);
        backend().binary(Binary.MULTIPLY, wide, sum, product);
        operands.assertElements(product, i -> value(2, i) * (value(1, i) + value(2, i)), 0);
        Tensor less = empty(DType.BOOL, MORE);
        backend().binary(Binary.LESS, wide, operands.operand(DType.F32, 3, MORE), less);
        operands.assertElements(less, i -> value(2, i) < value(3, i) ? 1 : 0, 0);
        Tensor chosen = empty(DType.BF16, MORE);
        backend().where(operands.operand(DType.BOOL, i -> i % 3 == 0 ? 1 : 0, MORE), half, operands.operand(DType.BF16, 4, MORE), chosen);
        operands.assertElements(chosen, i -> value(i % 3 == 0 ? 1 : 4, i), 0);
        Tensor cast = empty(DType.I64, MORE);
        backend().copy(half, cast);
        operands.assertElements(cast, i -> (long) value(1, i), 0);
        Tensor filled = empty(DType.BF16, MORE);
        backend().fill(filled, 3.5);
        operands.assertElements(filled, _ -> 3.5, 0);
    }

    @Test
    void stridedOperandsOfMoreThanTwoToThe31Elements() {
        long rows = 65_600;
        long columns = 49_152;
        Tensor x = operands.operand(DType.F32, 1, rows, columns);
        Tensor transposed = TensorMemory.view(x, Shape.of(columns, rows), new long[] {1, columns}, 0);
        Tensor out = empty(DType.F32, columns, rows);
        operands.sample(rows * columns);
        backend().copy(transposed, out);
        // Two launches divide the columns.
        long split = Integer.MAX_VALUE / rows * rows;
        operands.assertElements(out, i -> value(1, i % rows * columns + i / rows), 0, 0, split - 1, split, rows * columns - 1);

        long count = (1L << 31) + 77;
        Tensor every = TensorMemory.view(operands.operand(DType.BF16, 2, 2 * count), Shape.of(count), new long[] {2}, 1);
        Tensor absolute = empty(DType.BF16, count);
        backend().unary(Unary.ABS, every, absolute);
        operands.assertElements(absolute, i -> Math.abs(value(2, 2 * i + 1)), 0, 0, Integer.MAX_VALUE - 1L, Integer.MAX_VALUE, count - 1);

        Tensor spread = TensorMemory.view(empty(DType.F32, 2 * count), Shape.of(count), new long[] {2}, 0);
        backend().fill(spread, -7);
        operands.assertElements(spread, _ -> -7, 0, 0, 2 * (Integer.MAX_VALUE - 1L), 2L * Integer.MAX_VALUE, 2 * count - 2);
    }

    @Test
    void rowsOfTablesWithMoreThanTwoToThe31Elements() {
        long rows = 1_500_000;
        long width = 2048;
        int tokens = 1_100_000;
        LongUnaryOperator row = i -> rows - 1 - i * 7 % rows;
        Tensor table = operands.operand(DType.BF16, 1, rows, width);
        Tensor out = empty(DType.F32, tokens, width);
        operands.sample(tokens * width);
        backend().embedding(table, operands.operand(DType.I64, row::applyAsLong, tokens), out);
        operands.assertElements(out, i -> value(1, row.applyAsLong(i / width) * width + i % width), 0);

        int count = 1000;
        Tensor index = operands.operand(DType.I32, i -> row.applyAsLong(i), count, width);
        Tensor gathered = empty(DType.BF16, count, width);
        backend().gather(table, 0, index, gathered);
        operands.assertElements(gathered, i -> value(1, row.applyAsLong(i) * width + i % width), 0);

        long wide = 1L << 29;
        Tensor many = empty(DType.BF16, 5, wide);
        operands.sample(4 * wide);
        backend().gather(operands.operand(DType.BF16, 2, 10, wide), 0, operands.operand(DType.I32, i -> i % 10, 5, wide), many);
        operands.assertElements(many, i -> value(2, i % 10 * wide + i % wide), 0, 0, 3 * wide - 1, 3 * wide, 5 * wide - 1);
    }

    @Test
    void sumsIntoTablesWithMoreThanTwoToThe31Elements() {
        long rows = 1_500_000;
        long width = 2048;
        int tokens = 20_000;
        long apart = 74;
        Tensor table = operands.operand(DType.F32, 3, rows, width);
        Tensor gradient = operands.operand(DType.F32, 4, tokens, width);
        operands.sample(1);
        backend().embeddingGradient(gradient, operands.operand(DType.I32, t -> rows - 1 - apart * t, tokens), table);
        operands.assertElements(table, i -> {
            long token = (rows - 1 - i / width) / apart;
            return (rows - 1 - i / width) % apart == 0 && token < tokens ? value(3, i) + value(4, token * width + i % width) : value(3, i);
        }, 0, (rows - 1) * width, (rows - 1) * width + 1023, (rows - apart * (tokens - 1)) * width - 1);

        int added = 64;
        long step = 23_000;
        Tensor scattered = operands.operand(DType.F32, 5, rows, width);
        backend().scatterAdd(operands.operand(DType.F32, 6, added, width), 0,
                operands.operand(DType.I64, i -> rows - 1 - step * (i / width), added, width), scattered);
        operands.assertElements(scattered, i -> {
            long from = (rows - 1 - i / width) / step;
            return (rows - 1 - i / width) % step == 0 && from < added ? value(5, i) + value(6, from * width + i % width) : value(5, i);
        }, 0, rows * width - 1, (rows - 1) * width, (rows - 1 - step * (added - 1)) * width);
    }

    @Test
    void reductionsOfMoreThanTwoToThe31Elements() {
        long results = 40_000_000;
        int few = 60;
        operands.sample(results * few);
        Tensor byThreads = empty(DType.F32, results);
        backend().reduce(Reduction.SUM, operands.operand(DType.F32, 1, results, few), byThreads);
        operands.assertElements(byThreads, row -> sum(row, few), 0, 0, (1L << 31) / few, results - 1);

        int rows = 30_000;
        int width = 80_000;
        Tensor x = operands.operand(DType.F32, 1, rows, width);
        operands.sample((long) rows * width);
        Tensor byBlocks = empty(DType.F32, rows);
        backend().reduce(Reduction.SUM, x, byBlocks);
        operands.assertElements(byBlocks, row -> sum(row, width), 0, 0, (1L << 31) / width, rows - 1);
        Tensor largest = empty(DType.I64, rows);
        backend().argMax(x, largest);
        operands.assertElements(largest, row -> argMax(row, width), 0, 0, (1L << 31) / width, rows - 1);
    }

    private static double sum(long row, int width) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += value(1, row * width + i);
        }
        return sum;
    }

    private static int argMax(long row, int width) {
        int best = 0;
        for (int i = 1; i < width; i++) {
            best = value(1, row * width + i) > value(1, row * width + best) ? i : best;
        }
        return best;
    }

    /** A block takes its next turn 2^29 elements further, with 8-bit moments too. */
    @Test
    void anOptimizerStepOfMoreThanTwoToThe31Parameters() {
        long count = (1L << 31) + (1 << 20) + 5;
        AdamWStep step = new AdamWStep(1, 0.25, 0.9, 0.999, 1e-8, 0.5, 1);
        Tensor parameter = operands.operand(DType.BF16, 1, count);
        Tensor gradient = operands.operand(DType.BF16, 2, count);
        Tensor first = operands.operand(DType.F32, 3, count);
        Tensor second = operands.operand(DType.F32, i -> Math.abs(value(4, i)), count);
        operands.sampleAt(0x1p20 / 0x1p29);
        backend().adamW(step, parameter, gradient, first, second);
        long[] required = {0, 1 << 29, (1 << 29) - 1, 1L << 31, (1L << 31) - 1, count - 1};
        operands.assertElements(first, i -> first(value(3, i), i), 1e-6, required);
        operands.assertElements(second, i -> second(Math.abs(value(4, i)), i), 1e-6, required);
        operands.assertElements(parameter, i -> stepped(step, i, first(value(3, i), i), second(Math.abs(value(4, i)), i)), 0x1p-8, required);

        Tensor weights = operands.operand(DType.F32, 1, count);
        long words = Math.ceilDiv(count, 256L) * 65;
        // The code of zero, and a scale of zero in the last word of a block.
        Tensor firstCodes = operands.operand(DType.I32, i -> i % 65 == 64 ? 0 : 0x7f7f7f7f, words);
        Tensor secondCodes = operands.operand(DType.I32, _ -> 0, words);
        backend().adamW(step, weights, operands.operand(DType.F32, 2, count), firstCodes, secondCodes);
        operands.assertElements(weights, i -> stepped(step, i, first(0, i), second(0, i)), 1e-5, 0, 1 << 30, (1 << 30) - 1, 1L << 31,
                (1L << 31) - 1, count - 1);
    }

    private static double first(double before, long i) {
        return 0.9 * before + 0.1 * value(2, i);
    }

    private static double second(double before, long i) {
        return 0.999 * before + 0.001 * value(2, i) * value(2, i);
    }

    private static double stepped(AdamWStep step, long i, double first, double second) {
        AdamWStep.Factors factors = step.factors();
        return value(1, i) * factors.keep() - factors.rate() * first / (Math.sqrt(second) * factors.rootFactor() + factors.epsilon());
    }
}
