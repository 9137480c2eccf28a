package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Each operand and result of each kernel is misaligned by itself, and strided by itself where it may be, all others dense and aligned: results are
 * those of dense operands, and nothing else changes. What lies between the elements of an operand is NaN or an index out of range.
 */
public abstract class OperandLayoutContract extends KernelContract {
    /** What lies between the elements of a result. */
    private static final double UNTOUCHED = -768;

    /** For subclasses. */
    protected OperandLayoutContract() {}

    /** Which strides an operand may have. */
    enum Strides { ANY, UNIT_INNERMOST, CONTIGUOUS }

    /** A way to lay out one operand. */
    enum Place {
        DENSE, MISALIGNED, PADDED_ROWS, STRIDED;

        boolean fits(Strides strides) {
            return this == MISALIGNED || this == PADDED_ROWS && strides != Strides.CONTIGUOUS || this == STRIDED && strides == Strides.ANY;
        }

        long[] strides(long... shape) {
            long[] dense = (this == STRIDED ? Layout.STRIDED : Layout.DENSE).strides(shape);
            for (int axis = 0; this == PADDED_ROWS && axis < shape.length - 1; axis++) {
                dense[axis] = dense[axis] / shape[shape.length - 1] * (shape[shape.length - 1] + 3);
            }
            return dense;
        }
    }

    /**
     * An operand or result.
     *
     * @param strides those that it may have
     * @param isResult whether the kernel writes it
     * @param values by row-major position, before the call
     */
    record Operand(DType dtype, Strides strides, boolean isResult, IntToDoubleFunction values, long... shape) {
        Tensor place(Place place) {
            long[] steps = place.strides(shape);
            long offset = place == Place.MISALIGNED ? 1 : 0;
            int count = Math.toIntExact(Shape.of(shape).elementCount());
            long span = offset + 1;
            for (int axis = 0; axis < shape.length; axis++) {
                span += (shape[axis] - 1) * steps[axis];
            }
            double[] memory = new double[Math.toIntExact(span)];
            Arrays.fill(memory, filler());
            for (int i = 0; i < count; i++) {
                memory[position(i, steps, offset)] = values.applyAsDouble(i);
            }
            return HostTensor.of(dtype, steps, offset, i -> memory[i], shape);
        }

        private double filler() {
            return isResult ? UNTOUCHED : dtype.isFloating() ? Double.NaN : 1 << 30;
        }

        private int position(int index, long[] steps, long offset) {
            long position = offset;
            long rest = index;
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                position += rest % shape[axis] * steps[axis];
                rest /= shape[axis];
            }
            return (int) position;
        }

        Operand of(IntToDoubleFunction other) {
            return new Operand(dtype, strides, isResult, other, shape);
        }

        Operand result() {
            return new Operand(dtype, strides, true, values, shape);
        }
    }

    /** Calls a kernel with tensors in the order of the operands; answers a number that is a result too, or 0. */
    @FunctionalInterface
    interface Call {
        double run(Backend backend, Tensor... t);
    }

    /**
     * A kernel with operands.
     *
     * @param kernel the method of {@link Backend}
     */
    record Case(String kernel, Call call, Operand... operands) {}

    private static double value(int i) {
        return Math.sin(1.7 * i + 0.3);
    }

    private static Operand any(DType dtype, long... shape) {
        return new Operand(dtype, Strides.ANY, false, OperandLayoutContract::value, shape);
    }

    private static Operand unit(DType dtype, long... shape) {
        return new Operand(dtype, Strides.UNIT_INNERMOST, false, OperandLayoutContract::value, shape);
    }

    private static Operand rows(DType dtype, long... shape) {
        return new Operand(dtype, Strides.CONTIGUOUS, false, OperandLayoutContract::value, shape);
    }

    private static Operand indices(Operand operand, int below) {
        return operand.of(i -> i * 5 % below);
    }

    private static Stream<Case> plain(DType t) {
        return Stream.of(
                new Case("fill", (b, x) -> done(() -> b.fill(x[0], 0.5)), any(t, 3, 64).result()),
                new Case("copy", (b, x) -> done(() -> b.copy(x[0], x[1])), any(t, 3, 64), any(t, 3, 64).result()),
                new Case("copy", (b, x) -> done(() -> b.copy(x[0], x[1])), any(t, 3, 64), any(DType.F32, 3, 64).result()),
                new Case("unary", (b, x) -> done(() -> b.unary(Unary.EXP, x[0], x[1])), any(t, 3, 64), any(t, 3, 64).result()),
                new Case("binary", (b, x) -> done(() -> b.binary(Binary.MULTIPLY, x[0], x[1], x[2])), any(t, 3, 64), any(t, 3, 64),
                        any(t, 3, 64).result()),
                new Case("clamp", (b, x) -> done(() -> b.clamp(x[0], -0.5, 0.25, x[1])), any(t, 3, 64), any(t, 3, 64).result()),
                new Case("where", (b, x) -> done(() -> b.where(x[0], x[1], x[2], x[3])), indices(any(DType.I32, 3, 64), 2), any(t, 3, 64),
                        any(t, 3, 64), any(t, 3, 64).result()),
                new Case("reduce", (b, x) -> done(() -> b.reduce(Reduction.SUM, x[0], x[1])), any(t, 3, 5, 64), any(t, 3, 5).result()),
                new Case("argMax", (b, x) -> done(() -> b.argMax(x[0], x[1])), any(t, 5, 37), any(DType.I64, 5).result()),
                new Case("matmul", (b, x) -> done(() -> b.matmul(x[0], x[1], x[2], false)), any(t, 5, 40), any(t, 40, 24),
                        unit(t, 5, 24).result()),
                new Case("linearOfEach", (b, x) -> done(() -> b.linearOfEach(x[0], List.of(x[1], x[2]), List.of(x[3], x[4]))), any(t, 3, 40),
                        any(t, 24, 40), any(t, 7, 40), unit(t, 3, 24).result(), unit(t, 3, 7).result()),
                new Case("blockLinearOfEach", (b, x) -> done(() -> b.blockLinearOfEach(x[0], List.of(new BlockMatrix(x[1], x[2]),
                        new BlockMatrix(x[3], x[4])), List.of(x[5], x[6]))), any(t, 3, 96), rows(DType.U8, 24, 96).of(i -> i * 7 % 256),
                        rows(DType.F16, 24, 3), rows(DType.U8, 7, 96).of(i -> i * 5 % 256), rows(DType.F16, 7, 3), unit(t, 3, 24).result(),
                        unit(t, 3, 7).result()),
                new Case("gather", (b, x) -> done(() -> b.gather(x[0], 0, x[1], x[2])), any(t, 6, 32), indices(any(DType.I64, 4, 32), 6),
                        any(t, 4, 32).result()),
                new Case("embedding", (b, x) -> done(() -> b.embedding(x[0], x[1], x[2])), rows(t, 9, 64), indices(rows(DType.I64, 5), 9),
                        rows(t, 5, 64).result()),
                new Case("softmax", (b, x) -> done(() -> b.softmax(false, x[0], x[1])), rows(t, 4, 96), rows(t, 4, 96).result()),
                new Case("softmaxGradient", (b, x) -> done(() -> b.softmaxGradient(false, x[0], x[1], x[2])), rows(DType.F32, 4, 96),
                        rows(t, 4, 96), rows(DType.F32, 4, 96).result()),
                new Case("logSumExp", (b, x) -> done(() -> b.logSumExp(x[0], x[1])), rows(t, 4, 96), rows(DType.F32, 4).result()),
                new Case("mixedAdd", (b, x) -> done(() -> b.mixedAdd(x[0], x[1], x[2])), any(DType.F32, 3, 64), any(t, 3, 64),
                        any(DType.F32, 3, 64).result()));
    }

    private static Stream<Case> singleType() {
        DType f = DType.F32;
        return Stream.of(
                new Case("random", (b, x) -> done(() -> b.random(Distribution.NORMAL, 1, 2, x[0])), rows(f, 3, 64).result()),
                new Case("scatterAdd", (b, x) -> done(() -> b.scatterAdd(x[0], 0, x[1], x[2])), any(f, 4, 32), indices(any(DType.I64, 4, 32), 6),
                        any(f, 6, 32).result()),
                new Case("embeddingGradient", (b, x) -> done(() -> b.embeddingGradient(x[0], x[1], x[2])), rows(f, 5, 64),
                        indices(rows(DType.I32, 5), 3), rows(f, 9, 64).result()),
                new Case("distillationRows", (b, x) -> done(() -> b.distillationRows(
                        new DistillationObjective(Divergence.FORWARD_KL, 1, 0.5), x[0], x[1], x[2], 0.5, x[3], x[4])),
                        rows(f, 4, 96), rows(f, 4, 96).of(i -> value(3 * i)).result(), indices(rows(DType.I64, 4), 96), rows(f, 4).result(),
                        rows(f, 4).result()),
                new Case("sparseDistillationRows", (b, x) -> done(() -> b.sparseDistillationRows(new DistillationObjective(
                        Divergence.FORWARD_KL, 1, 0.5), new SparseDistribution(x[0], x[1], x[2], x[2]), x[3], x[4], 0.5, x[5], x[6])),
                        rows(DType.I64, 4, 3).of(i -> i), rows(f, 4, 3).of(i -> 0.25), rows(f, 4).of(i -> 0.25), rows(f, 4, 96).result(),
                        indices(rows(DType.I64, 4), 96), rows(f, 4).result(), rows(f, 4).result()),
                new Case("crossEntropyRows", (b, x) -> done(() -> b.crossEntropyRows(x[0], x[1], 0.5, x[2])), rows(f, 4, 96).result(),
                        indices(rows(DType.I64, 4), 96), rows(f, 4).result()),
                new Case("sumOfSquares", (b, x) -> b.sumOfSquares(List.of(x[0], x[1])), rows(f, 5, 64), rows(DType.BF16, 3, 64)),
                new Case("squaresOfChunks", (b, x) -> b.squaresOfChunks(List.of(x[0], x[1]))[1], rows(f, 5, 64), rows(DType.BF16, 3, 64)));
    }

    private static Stream<Case> fused(DType t) {
        DType f = DType.F32;
        Operand weight = rows(t, 96);
        Operand row = rows(t, 4, 96);
        Operand wide = rows(f, 4, 96);
        Operand saved = rows(f, 4).of(i -> 1 + 0.1 * i);
        Operand sums = rows(f, 96).result();
        DType branch = t == DType.F16 ? f : t;
        return Stream.of(
                new Case("layerNorm", (b, x) -> done(() -> b.layerNorm(x[0], new LayerNormParameters(x[1], x[2], 1e-5), x[3], x[4], x[5])), row,
                        weight, weight, row.result(), saved.result(), saved.result()),
                new Case("layerNormGradient", (b, x) -> done(() -> b.layerNormGradient(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7])), wide, row,
                        weight, saved, saved, wide.result(), sums, sums),
                new Case("rmsNorm", (b, x) -> done(() -> b.rmsNorm(x[0], x[1], 1e-5, x[2], x[3])), row, weight, row.result(), saved.result()),
                new Case("rmsNormGradient", (b, x) -> done(() -> b.rmsNormGradient(x[0], x[1], x[2], x[3], x[4], x[5])), wide, row, weight, saved,
                        wide.result(), sums),
                new Case("addLayerNorm", (b, x) -> done(() -> b.addLayerNorm(x[0], x[1], x[2], new LayerNormParameters(x[3], x[4], 1e-5), x[5], x[6],
                        x[7])), wide, rows(branch, 4, 96), wide.result(), weight, weight, rows(branch, 4, 96).result(), saved.result(),
                        saved.result()),
                new Case("addRmsNorm", (b, x) -> done(() -> b.addRmsNorm(x[0], x[1], x[2], x[3], 1e-5, x[4], x[5])), wide, rows(branch, 4, 96),
                        wide.result(), weight, rows(branch, 4, 96).result(), saved.result()),
                new Case("rotaryEmbedding", (b, x) -> done(() -> b.rotaryEmbedding(x[0], x[1], x[2], false, x[3])), unit(t, 2, 3, 2, 64),
                        rows(f, 3, 32), rows(f, 3, 32), unit(t, 2, 3, 2, 64).result()),
                new Case("rotaryAppend", (b, x) -> done(() -> b.rotaryAppend(x[0], x[1], x[2], x[3], x[4], x[5], x[6])),
                        unit(t, 2, 3, 2, 64).result(), unit(t, 2, 3, 1, 64), unit(t, 2, 3, 1, 64), rows(f, 3, 32), rows(f, 3, 32),
                        unit(t, 2, 3, 1, 64).result(), unit(t, 2, 3, 1, 64).result()),
                new Case("rotaryAppendToEach", (b, x) -> done(() -> b.rotaryAppendToEach(x[0], x[1], x[2], x[3], x[4], List.of(x[5], x[6]),
                        List.of(x[7], x[8]))), unit(t, 1, 2, 2, 64).result(), unit(t, 1, 2, 1, 64), unit(t, 1, 2, 1, 64), rows(f, 2, 32),
                        rows(f, 2, 32), unit(t, 1, 1, 1, 64).result(), unit(t, 1, 1, 1, 64).result(), unit(t, 1, 1, 1, 64).result(),
                        unit(t, 1, 1, 1, 64).result()),
                new Case("attentionOfEach", (b, x) -> done(() -> b.attentionOfEach(List.of(new AttentionOperands(x[0], x[1], x[2], 0.125),
                        new AttentionOperands(x[3], x[4], x[5], 0.125)), x[6])), unit(t, 1, 1, 2, 64), unit(t, 1, 270, 1, 64),
                        unit(t, 1, 270, 1, 64), unit(t, 1, 1, 2, 64), unit(t, 1, 300, 1, 64), unit(t, 1, 300, 1, 64),
                        rows(t, 2, 1, 2, 64).result()),
                new Case("attention", (b, x) -> done(() -> b.attention(new AttentionOperands(x[0], x[1], x[2], 0.125), x[3], x[4])),
                        unit(t, 1, 5, 2, 64), unit(t, 1, 7, 1, 64), unit(t, 1, 7, 1, 64), rows(t, 1, 5, 2, 64).result(), rows(f, 1, 2, 5).result()),
                new Case("attentionGradient", (b, x) -> done(() -> b.attentionGradient(new AttentionOperands(x[0], x[1], x[2], 0.125), x[3], x[4],
                        x[5], x[6], x[7], x[8])), unit(t, 1, 5, 2, 64), unit(t, 1, 7, 1, 64), unit(t, 1, 7, 1, 64), rows(t, 1, 5, 2, 64),
                        rows(f, 1, 2, 5).of(_ -> 3), rows(f, 1, 5, 2, 64), rows(f, 1, 5, 2, 64).result(), rows(f, 1, 7, 1, 64).result(),
                        rows(f, 1, 7, 1, 64).result()),
                new Case("swiGlu", (b, x) -> done(() -> b.swiGlu(x[0], x[1], x[2])), row, row, row.result()),
                new Case("swiGluGradient", (b, x) -> done(() -> b.swiGluGradient(x[0], x[1], x[2], x[3], x[4])), wide, row, row, wide.result(),
                        wide.result()),
                new Case("addRmsNormGradient", (b, x) -> done(() -> b.addRmsNormGradient(x[0], x[1], x[2], x[3], x[4], x[5], x[6])), wide, wide,
                        weight, saved, wide.result(), rows(DType.BF16, 4, 96).result(), sums),
                new Case("rotaryEmbeddingRounded", (b, x) -> done(() -> b.rotaryEmbeddingRounded(x[0], x[1], x[2], true, x[3])),
                        unit(f, 2, 3, 2, 64), rows(f, 3, 32), rows(f, 3, 32), unit(DType.BF16, 2, 3, 2, 64).result()),
                new Case("swiGluGradientRounded", (b, x) -> done(() -> b.swiGluGradientRounded(x[0], x[1], x[2], x[3], x[4])), rows(branch, 4, 96),
                        rows(DType.BF16, 4, 96), rows(DType.BF16, 4, 96), rows(DType.BF16, 4, 96).result(), rows(DType.BF16, 4, 96).result()),
                new Case("adamW", (b, x) -> done(() -> b.adamW(new AdamWStep(3, 0.01, 0.9, 0.99, 1e-8, 0.1, 1), x[0], x[1], x[2], x[3])),
                        row.result(), wide, wide.result(), wide.of(i -> 1.1 + value(i)).result()));
    }

    private static double done(Runnable call) {
        call.run();
        return 0;
    }

    private static Stream<Case> cases() {
        return Stream.concat(singleType(), Arrays.stream(FLOATING).flatMap(t -> Stream.concat(plain(t), fused(t))));
    }

    @TestFactory
    Stream<DynamicTest> eachOperandIsMisalignedAndStridedByItself() {
        return cases().map(c -> DynamicTest.dynamicTest("%s of %s".formatted(c.kernel(), c.operands()[0].dtype()), () -> check(c)));
    }

    @Test
    void everyKernelIsHere() {
        List<String> kernels = Arrays.stream(Backend.class.getMethods()).filter(method -> Arrays.stream(method.getParameterTypes())
                .anyMatch(type -> type == Tensor.class || type == List.class)).map(method -> method.getName()).distinct().toList();
        assertThat(cases().map(Case::kernel).distinct()).containsExactlyInAnyOrderElementsOf(kernels);
    }

    private void check(Case c) {
        double[][] expected = run(c, -1, Place.DENSE);
        for (int operand = 0; operand < c.operands().length; operand++) {
            for (Place place : Place.values()) {
                if (place.fits(c.operands()[operand].strides())) {
                    double[][] actual = run(c, operand, place);
                    for (int i = 0; i < actual.length; i++) {
                        assertClose("%s, operand %d %s: result %d".formatted(c.kernel(), operand, place, i), c, actual[i], expected[i]);
                    }
                }
            }
        }
    }

    /** The results, with one operand in a place of its own. */
    private double[][] run(Case c, int changed, Place place) {
        Operand[] operands = c.operands();
        Tensor[] tensors = new Tensor[operands.length];
        double[][] before = new double[operands.length][];
        for (int i = 0; i < operands.length; i++) {
            tensors[i] = operands[i].place(i == changed ? place : Place.DENSE);
            before[i] = operands[i].isResult() ? null : HostTensor.values(tensors[i]);
        }
        double number = c.call().run(backend(), tensors);
        List<double[]> results = new ArrayList<>(List.of(new double[] {number}));
        for (int i = 0; i < operands.length; i++) {
            if (operands[i].isResult()) {
                results.add(HostTensor.values(tensors[i]));
                assertThat(HostTensor.isUntouchedBetween(tensors[i])).as("%s leaves what lies between elements of operand %d", c.kernel(), i)
                        .isTrue();
            } else {
                assertThat(HostTensor.values(tensors[i])).as("%s leaves operand %d", c.kernel(), i).isEqualTo(before[i]);
            }
        }
        return results.toArray(double[][]::new);
    }

    /** Sums may be in another order where elements are loaded one by one, and tensor cores round their operands. */
    private static void assertClose(String what, Case c, double[] actual, double[] expected) {
        boolean isShort = Arrays.stream(c.operands()).anyMatch(operand -> operand.dtype() == DType.BF16 || operand.dtype() == DType.F16);
        double tolerance = (isShort ? 0x1p-6 : 1e-5) * Math.max(1e-3, largest(expected));
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(actual[i] - expected[i])).as("%s, element %d: %s, and %s with dense operands", what, i, actual[i], expected[i])
                    .isLessThanOrEqualTo(tolerance);
        }
    }
}
