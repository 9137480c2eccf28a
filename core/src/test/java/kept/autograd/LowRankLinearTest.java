package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.autograd.operation.LowRankLinear;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A linear map with a low-rank update against the products and the sum it is made of. */
class LowRankLinearTest {
    private static final double SCALE = 1.75;
    /** Operands x or gate, up, weight, a, b, bias. */
    private static final long[][] SHAPES = {{2, 7, 19}, {2, 7, 19}, {13, 19}, {3, 19}, {13, 3}, {13}};

    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor[] operands(int trained, DType type) {
        var operands = new Tensor[SHAPES.length];
        for (int i = 0; i < operands.length; i++) {
            operands[i] = Tensor.normal(8, i, SHAPES[i]).cast(type);
            if ((trained >> i & 1) == 1) {
                // Of gate and up F32: where both are BF16 the gradient of their product is rounded.
                operands[i].requireGradient(i < 2 ? DType.F32 : type);
            }
        }
        return operands;
    }

    /** The value and the gradients after two passes, the second of which adds to those of the first; empty for what is frozen. */
    private static List<float[]> results(Function<Tensor[], Tensor> function, int trained, DType type) {
        Tensor[] operands = operands(trained, type);
        List<float[]> results = new ArrayList<>();
        for (int pass = 0; pass < 2; pass++) {
            Tensor y = function.apply(operands);
            results.add(y.detach().toFloatArray());
            Autograd.backward(y, Tensor.normal(6, pass, y.shape().toArray()));
        }
        Stream.of(operands).forEach(operand -> results.add(operand.gradient() == null ? new float[0] : operand.gradient().toFloatArray()));
        return results;
    }

    private static Tensor steps(Tensor x, Tensor... in) {
        return x.linear(in[2]).add(x.linear(in[3]).mul(SCALE).linear(in[4])).add(in[5]);
    }

    private static LowRankUpdate update(Tensor... in) {
        return new LowRankUpdate(in[3], in[4], SCALE);
    }

    private static void assertClose(List<float[]> seen, List<float[]> expected, double tolerance, String what) {
        for (int i = 0; i < expected.size(); i++) {
            assertThat(seen.get(i)).as("%s, result %d", what, i).hasSameSizeAs(expected.get(i));
            double scale = 1;
            for (float value : expected.get(i)) {
                scale = Math.max(scale, Math.abs(value));
            }
            for (int j = 0; j < expected.get(i).length; j++) {
                assertThat((double) seen.get(i)[j]).as("%s, result %d, element %d", what, i, j)
                        .isCloseTo(expected.get(i)[j], Offset.offset(tolerance * scale));
            }
        }
    }

    /** All subsets of operands that are trained; what is frozen has no gradient. */
    @Test
    void theMapHasTheValuesAndGradientsOfItsSteps() {
        for (int trained = 1; trained < 64; trained++) {
            if ((trained & 0b111101) != 0) {
                String what = "operands " + Integer.toBinaryString(trained);
                assertClose(results(in -> LowRankLinear.apply(in[0], in[2], in[5], update(in)), trained, DType.F32),
                        results(in -> steps(in[0], in), trained, DType.F32), 1e-6, what);
            }
        }
    }

    @Test
    void operandsOfBf16HaveTheValuesAndGradientsOfTheirStepsWithinItsRounding() {
        assertClose(results(in -> LowRankLinear.apply(in[0], in[2], in[5], update(in)).cast(DType.F32), 63, DType.BF16),
                results(in -> steps(in[0], in).cast(DType.F32), 63, DType.BF16), 0x1p-6, "bf16");
    }

    @Test
    void aGatedMapHasTheBitsOfItsSteps() {
        for (DType type : new DType[] {DType.F32, DType.BF16}) {
            for (int trained = 1; trained < 64; trained++) {
                List<float[]> steps = results(in -> LowRankLinear.apply(Functional.swiGlu(in[0], in[1]), in[2], in[5], update(in))
                        .cast(DType.F32), trained, type);
                List<float[]> seen = results(in -> LowRankLinear.applyGated(in[0], in[1], in[2], in[5], update(in)).cast(DType.F32), trained, type);
                assertThat(seen).as("operands %s of %s", Integer.toBinaryString(trained), type).containsExactlyElementsOf(steps);
            }
        }
    }

    /** The gradient of the gated product, which is rounded where those of gate and up are BF16, has the terms of the weight and of the update. */
    @Test
    void gradientsOfGateAndUpInBf16AreThoseOfF32WithinItsRounding() {
        assertClose(gradientsOfGated(DType.BF16), gradientsOfGated(DType.F32), 0x1p-6, "gradients in bf16");
    }

    private static List<float[]> gradientsOfGated(DType ofGateAndUp) {
        Tensor[] in = operands(0, DType.BF16);
        Tensor gate = in[0].requireGradient(ofGateAndUp);
        Tensor up = in[1].requireGradient(ofGateAndUp);
        Tensor y = LowRankLinear.applyGated(gate, up, in[2], null, update(in)).cast(DType.F32);
        Autograd.backward(y, Tensor.normal(6, 0, y.shape().toArray()));
        return List.of(gate.gradient().toFloatArray(), up.gradient().toFloatArray());
    }

    @Test
    void aMapThatEndsASegmentNeedsNotBeComputedAgain() {
        assertThat(gradientsOfSegment(true)).containsExactlyElementsOf(gradientsOfSegment(false));
    }

    private static List<float[]> gradientsOfSegment(boolean isCheckpointed) {
        Tensor[] in = operands(0b111100, DType.F32);
        Tensor x = Tensor.normal(9, 9, SHAPES[0]).requireGradient();
        Tensor y = isCheckpointed ? Autograd.checkpoint(operand -> segment(operand, in), x) : segment(x, in);
        Autograd.backward(y, Tensor.normal(6, 0, y.shape().toArray()));
        return Stream.of(x, in[2], in[3], in[4], in[5]).map(leaf -> leaf.gradient().toFloatArray()).toList();
    }

    private static Tensor segment(Tensor x, Tensor... in) {
        Tensor gate = x.mul(2);
        Tensor up = x.exp();
        return Autograd.segmentResult(() -> LowRankLinear.applyGated(gate, up, in[2], in[5], update(in))
                .add(LowRankLinear.apply(up, in[2], in[5], update(in))));
    }

    @Test
    void aBiasOfAWiderTypeWidensTheResult() {
        Tensor[] in = operands(0, DType.F32);
        Tensor narrow = LowRankLinear.apply(in[0].cast(DType.BF16), in[2].cast(DType.BF16), in[5], update(in));
        assertThat(narrow.dtype()).isEqualTo(DType.F32);
        assertThat(LowRankLinear.apply(in[0].cast(DType.BF16), in[2].cast(DType.BF16), null, update(in)).dtype()).isEqualTo(DType.BF16);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        Tensor[] in = operands(0, DType.F32);
        assertThatThrownBy(() -> LowRankLinear.apply(in[0], in[2], null, new LowRankUpdate(in[3], in[3].transpose(0, 1).contiguous(), 1)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[low-rank linear] a weight [13, 19] does not fit an update of b [19, 3] times a [3, 19]");
        assertThatThrownBy(() -> LowRankLinear.apply(in[0].cast(DType.F64), in[2], null, update(in))).isInstanceOf(DTypeException.class)
                .hasMessage("[low-rank linear] an update of f32 does not fit a product of f64; cast it");
    }
}
