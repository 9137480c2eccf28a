package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.LowRankUpdate;
import kept.autograd.operation.LowRankLinear;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/**
 * Gradients of activations in BF16: the kernels that round a gradient once have the bits of the kernel in F32 and a copy, and graphs whose gradients
 * are BF16 on some devices have the gradients of F32 within the rounding of BF16.
 */
public abstract class RoundedGradientContract extends KernelContract {
    private static final int[] ROWS = {1, 3, 37};
    private static final double EPSILON = 1e-5;
    private static final int[] OFFSETS = {0, 1};

    /** For subclasses. */
    protected RoundedGradientContract() {}

    private static Tensor rounded(Tensor x) {
        return x.cast(DType.BF16);
    }

    private static Tensor copy(DType dtype, Tensor x) {
        return Tensor.empty(dtype, x.shape()).assign(x);
    }

    /** The same rows, at the beginning of their memory or one element further: then no longer at a multiple of 16 bytes. */
    private static Tensor placed(int further, Tensor rows) {
        Tensor memory = Tensor.empty(rows.dtype(), Shape.of(rows.elementCount() + further));
        return TensorMemory.view(memory, rows.shape(), rows.strides(), further).assign(rows);
    }

    @Test
    void anAddedGradientOfRmsNormHasTheBitsOfTheKernelsOneByOne() {
        for (int width : WIDTHS) {
            for (int rows : ROWS) {
                for (int further : OFFSETS) {
                    for (boolean trained : new boolean[] {true, false}) {
                        checkAdded(rows, width, further, trained, width % 2 == 0 ? DType.BF16 : DType.F32);
                    }
                }
            }
        }
    }

    private void checkAdded(int rows, int width, int further, boolean trained, DType weightType) {
        String what = "%d x %d, %d further, weight %s%s".formatted(rows, width, further, weightType, trained ? "" : ", frozen");
        Tensor x = normal(DType.F32, width, 2, rows, width);
        Tensor weight = normal(weightType, 3, 1, width);
        Tensor gradient = normal(DType.F32, 4, 1, rows, width);
        Tensor stream = normal(DType.F32, 5, 3, rows, width);
        Tensor rstd = out(DType.F32, rows);
        backend().rmsNorm(x, weight, EPSILON, out(DType.F32, rows, width), rstd);
        Tensor dx = placed(further, out(DType.F32, rows, width));
        Tensor dWeight = Tensor.ones(width);
        backend().rmsNormGradient(placed(further, gradient), x, weight, rstd, dx, trained ? dWeight : null);

        Tensor sum = placed(further, stream);
        Tensor rounded = out(DType.BF16, rows, width);
        Tensor dWeightSeen = Tensor.ones(width);
        backend().addRmsNormGradient(placed(further, gradient), x, weight, rstd, sum, rounded, trained ? dWeightSeen : null);
        assertThat(sum.toFloatArray()).as("sum, %s", what).isEqualTo(stream.add(dx).toFloatArray());
        assertThat(rounded.toFloatArray()).as("rounded, %s", what).isEqualTo(rounded(sum).toFloatArray());
        assertThat(dWeightSeen.toFloatArray()).as("dWeight, %s", what).isEqualTo(dWeight.toFloatArray());
    }

    @Test
    void aRoundedRotationHasTheBitsOfTheRotationAndTheCopy() {
        for (int width : new int[] {2, 26, 32, 64, 128, 254}) {
            for (boolean inverse : new boolean[] {false, true}) {
                Tensor x = normal(DType.F32, width, 2, 2, 5, 3, width);
                Tensor cos = normal(DType.F32, 8, 1, 5, width / 2);
                Tensor sin = normal(DType.F32, 9, 1, 5, width / 2);
                Tensor wide = out(DType.F32, 2, 5, 3, width);
                backend().rotaryEmbedding(x, cos, sin, inverse, wide);
                Tensor out = out(DType.BF16, 2, 5, 3, width);
                backend().rotaryEmbeddingRounded(x, cos, sin, inverse, out);
                assertThat(out.toFloatArray()).as("width %d", width).isEqualTo(rounded(wide).toFloatArray());
                Tensor headsFirst = Tensor.full(-777, DType.BF16, Shape.of(2, 3, 5, width)).transpose(1, 2);
                Tensor strided = Tensor.empty(DType.F32, Shape.of(2, 3, 5, width)).transpose(1, 2).assign(x);
                backend().rotaryEmbeddingRounded(strided, cos, sin, inverse, headsFirst);
                assertThat(headsFirst.toFloatArray()).as("strided, width %d", width).isEqualTo(out.toFloatArray());
            }
        }
    }

    @Test
    void aRoundedGradientOfTheGatedUnitHasTheBitsOfTheKernelAndTheCopies() {
        for (int width : WIDTHS) {
            for (int rows : ROWS) {
                for (int further : OFFSETS) {
                    for (DType type : new DType[] {DType.F32, DType.BF16}) {
                        String what = "%d x %d of %s, %d further".formatted(rows, width, type, further);
                        Tensor gate = normal(DType.BF16, width, 8, rows, width);
                        Tensor up = normal(DType.BF16, 91, 1, rows, width);
                        Tensor gradient = normal(type, 92, 1, rows, width);
                        Tensor dGate = out(DType.F32, rows, width);
                        Tensor dUp = out(DType.F32, rows, width);
                        backend().swiGluGradient(copy(DType.F32, gradient), gate, up, dGate, dUp);

                        Tensor dGateSeen = out(DType.BF16, rows, width);
                        Tensor dUpSeen = placed(further, out(DType.BF16, rows, width));
                        backend().swiGluGradientRounded(gradient, gate, up, dGateSeen, dUpSeen);
                        assertThat(dGateSeen.toFloatArray()).as("dGate, %s", what).isEqualTo(rounded(dGate).toFloatArray());
                        assertThat(dUpSeen.toFloatArray()).as("dUp, %s", what).isEqualTo(rounded(dUp).toFloatArray());
                        if (type == DType.BF16) {
                            backend().swiGluGradientRounded(gradient, gate, up, gradient, dUpSeen);
                            assertThat(gradient.toFloatArray()).as("in place, %s", what).isEqualTo(dGateSeen.toFloatArray());
                            assertThat(dUpSeen.toFloatArray()).as("dUp in place, %s", what).isEqualTo(rounded(dUp).toFloatArray());
                        }
                    }
                }
            }
        }
    }

    /** A function of x, two gating weights and one more. */
    private interface Graph {
        Tensor of(Tensor x, Tensor gate, Tensor up, Tensor down);
    }

    /** Gradients of x and the three weights, all computed in a dtype. */
    private List<float[]> gradients(DType dtype, Graph graph) {
        List<Tensor> leaves = new ArrayList<>();
        leaves.add(normal(DType.F32, 1, 1, 2, 6, 16));
        for (int i = 0; i < 3; i++) {
            leaves.add(copy(dtype, rounded(normal(DType.F32, 2 + i, 0.3, 16, 16))));
        }
        leaves.set(0, copy(dtype, rounded(leaves.getFirst())));
        leaves.forEach(Tensor::requireGradient);
        Tensor y = graph.of(leaves.get(0), leaves.get(1), leaves.get(2), leaves.get(3));
        Autograd.backwardOnce(y.cast(DType.F32), normal(DType.F32, 9, 1, y.shape().toArray()));
        return leaves.stream().map(leaf -> leaf.gradient().toFloatArray()).toList();
    }

    private void check(String what, Graph graph) {
        List<float[]> seen = gradients(DType.BF16, graph);
        List<float[]> wide = gradients(DType.F32, graph);
        for (int i = 0; i < seen.size(); i++) {
            double norm = 0;
            double error = 0;
            for (int j = 0; j < wide.get(i).length; j++) {
                norm += Math.pow(wide.get(i)[j], 2);
                error += Math.pow(seen.get(i)[j] - wide.get(i)[j], 2);
            }
            assertThat(Math.sqrt(error)).as("%s: gradient of operand %d, of magnitude %s", what, i, Math.sqrt(norm))
                    .isLessThan(0.02 * Math.sqrt(norm));
        }
    }

    @Test
    void gradientsOfGraphsInBf16AreThoseOfF32WithinItsRounding() {
        check("gated projection", (x, gate, up, down) -> Functional.swiGluLinear(x.linear(gate), x.linear(up), down));
        check("gated unit", (x, gate, up, down) -> Functional.swiGlu(x.linear(gate), x.linear(up)).linear(down));
        check("reshaped", (x, gate, up, down) -> Functional.swiGluLinear(
                x.linear(gate).reshape(12, 16), x.linear(up).reshape(12, 16), down));
        check("gate used twice", (x, gate, up, down) -> {
            Tensor g = x.linear(gate);
            return Functional.swiGluLinear(g, x.linear(up), down).add(g);
        });
        check("gate is up", (x, gate, up, down) -> {
            Tensor g = x.linear(gate);
            return Functional.swiGluLinear(g, g, down).add(x.linear(up));
        });
        check("gate and a shape of it", (x, gate, up, down) -> {
            Tensor g = x.linear(gate);
            return Functional.swiGluLinear(g.reshape(12, 16), x.linear(up).reshape(12, 16), down).reshape(2, 6, 16).add(g);
        });
        check("not a product", (x, gate, up, down) -> Functional.swiGluLinear(x.linear(gate).mul(2), x.linear(up), down));
        check("low-rank update", (x, gate, up, down) -> LowRankLinear.apply(x.linear(gate), down, null, new LowRankUpdate(up, gate, 0.5)));
        check("gated low-rank update",
                (x, gate, up, down) -> LowRankLinear.applyGated(x.linear(gate), x.linear(up), down, null, new LowRankUpdate(up, gate, 0.5)));
        check("products of products", (x, gate, up, down) -> Functional.swiGluLinear(x.linear(gate).linear(down), x.linear(up), down));
    }

    /** A stream with two branches, each after a norm, as a decoder's layer has. */
    private static Tensor layer(Tensor stream, Tensor norm, Tensor first, Tensor second) {
        Tensor h = stream.add(Functional.rmsNorm(stream, norm, EPSILON, DType.BF16).linear(first));
        return h.add(Functional.rmsNorm(h, norm, EPSILON, DType.BF16).linear(second));
    }

    /** Gradients of a stream through two layers. */
    private List<float[]> streamGradients(boolean checkpoints, boolean leaf) {
        Tensor x = normal(DType.F32, 1, 1, 2, 6, 16).requireGradient();
        Tensor norm = normal(DType.F32, 2, 1, 16).requireGradient();
        Tensor first = normal(DType.BF16, 3, 0.3, 16, 16).requireGradient();
        Tensor second = normal(DType.BF16, 4, 0.3, 16, 16).requireGradient();
        Tensor stream = leaf ? x : x.mul(2);
        for (int i = 0; i < 2; i++) {
            stream = checkpoints ? Autograd.checkpoint(s -> layer(s, norm, first, second), stream) : layer(stream, norm, first, second);
        }
        Autograd.backwardOnce(stream, normal(DType.F32, 9, 1, 2, 6, 16));
        return List.of(x.gradient().toFloatArray(), norm.gradient().toFloatArray(), first.gradient().toFloatArray(),
                second.gradient().toFloatArray());
    }

    /** A stream's gradient is added to where it lies, whoever owns it; what else reads it must have read it before. */
    @Test
    void gradientsOfAStreamHaveTheSameBitsWithCheckpoints() {
        for (boolean leaf : new boolean[] {true, false}) {
            List<float[]> expected = streamGradients(false, leaf);
            List<float[]> seen = streamGradients(true, leaf);
            for (int i = 0; i < expected.size(); i++) {
                assertThat(seen.get(i)).as("operand %d, leaf %s", i, leaf).isEqualTo(expected.get(i));
            }
        }
    }
}
