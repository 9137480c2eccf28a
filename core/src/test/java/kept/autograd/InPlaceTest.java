package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.autograd.operation.RotaryPositions;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Operations that compute where an operand or a gradient lies: they have the bits of those that do not, and overwrite nothing that is needed. */
class InPlaceTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor leaf(int stream, long... dimensions) {
        return Tensor.normal(5, stream, dimensions).requireGradient();
    }

    private static List<float[]> gradients(Tensor result, Tensor... leaves) {
        Autograd.backward(result, Tensor.normal(6, 0, result.shape().toArray()));
        List<float[]> gradients = Stream.of(leaves).map(leaf -> leaf.gradient().toFloatArray()).toList();
        Stream.of(leaves).forEach(Tensor::clearGradient);
        return gradients;
    }

    @Test
    void anAffineMapHasTheBitsOfTheProductAndTheSum() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (DType ofBias : new DType[] {DType.F32, DType.BF16}) {
                Tensor x = leaf(0, 3, 5, 17);
                Tensor weight = Tensor.normal(5, 1, 6, 17).cast(dtype).requireGradient();
                Tensor bias = Tensor.normal(5, 2, 6).cast(ofBias).requireGradient();
                Tensor operand = x.cast(dtype);
                Tensor two = operand.linear(weight).add(bias);
                List<float[]> expected = gradients(two, x, weight, bias);
                Tensor one = x.cast(dtype).linear(weight, bias);
                assertThat(one.dtype()).isEqualTo(two.dtype());
                assertThat(one.toFloatArray()).isEqualTo(two.toFloatArray());
                assertThat(gradients(one, x, weight, bias)).as("%s with a bias of %s", dtype, ofBias).containsExactlyElementsOf(expected);
            }
        }
    }

    @Test
    void aGatedProjectionWithABiasHasTheBitsOfItsSteps() {
        Tensor gate = leaf(0, 2, 3, 17);
        Tensor up = leaf(1, 2, 3, 17);
        Tensor weight = leaf(2, 5, 17);
        Tensor bias = leaf(3, 5);
        Tensor steps = Functional.swiGluLinear(gate, up, weight).add(bias);
        List<float[]> expected = gradients(steps, gate, up, weight, bias);
        Tensor one = Functional.swiGluLinear(gate, up, weight, bias);
        assertThat(one.toFloatArray()).isEqualTo(steps.toFloatArray());
        assertThat(gradients(one, gate, up, weight, bias)).containsExactlyElementsOf(expected);
    }

    /** Two passes, so that the second adds to the gradients of the first. All operands but the bias have one shape, so any could be confused. */
    @Test
    void aGatedProjectionGivesEachOperandItsOwnGradientAndNoOther() {
        for (DType type : new DType[] {DType.F32, DType.BF16}) {
            for (int trained = 1; trained < 16; trained++) {
                List<float[]> steps = gradientsOfTwo(in -> Functional.swiGlu(in[0], in[1]).linear(in[2]).add(in[3]), trained, type);
                assertThat(gradientsOfTwo(in -> Functional.swiGluLinear(in[0], in[1], in[2], in[3]), trained, type))
                        .as("operands %s, gradients of %s", Integer.toBinaryString(trained), type).containsExactlyElementsOf(steps);
            }
        }
    }

    /** The gradients after two passes of those operands whose bit is set; empty for the others. */
    private static List<float[]> gradientsOfTwo(Function<Tensor[], Tensor> function, int trained, DType type) {
        Tensor[] operands = {Tensor.normal(8, 0, 17, 17), Tensor.normal(8, 1, 17, 17), Tensor.normal(8, 2, 17, 17), Tensor.normal(8, 3, 17)};
        for (int i = 0; i < operands.length; i++) {
            if ((trained >> i & 1) == 1) {
                operands[i].requireGradient(type);
            }
        }
        for (int pass = 0; pass < 2; pass++) {
            Autograd.backward(function.apply(operands), Tensor.normal(6, pass, 17, 17));
        }
        return Stream.of(operands).map(operand -> operand.gradient() == null ? new float[0] : operand.gradient().toFloatArray()).toList();
    }

    @Test
    void aRotationInPlaceOverwritesWhatItIsGivenAndNothingElse() {
        Tensor x = leaf(0, 2, 3, 2, 8);
        Tensor cos = Tensor.uniform(5, 1, 3, 4);
        Tensor sin = Tensor.uniform(5, 2, 3, 4);
        Tensor expected = Functional.rotaryEmbedding(x.mul(2), cos, sin);
        List<float[]> ofApply = gradients(expected, x);
        Tensor product = x.mul(2);
        Tensor rotated = RotaryPositions.applyInPlace(product, cos, sin);
        assertThat(rotated.overlaps(product)).isTrue();
        assertThat(rotated.toFloatArray()).isEqualTo(expected.toFloatArray());
        assertThat(gradients(rotated, x)).containsExactlyElementsOf(ofApply);
        assertThatThrownBy(() -> RotaryPositions.applyInPlace(x, cos, sin)).isInstanceOf(TensorException.class).hasMessageContaining("leaf");
        Tensor power = x.exp();
        Tensor overwriting = RotaryPositions.applyInPlace(power, cos, sin);
        assertThatThrownBy(() -> overwriting.sum().backward()).isInstanceOf(TensorException.class).hasMessageContaining("[exp] backward needs");
    }

    /** The bytes a backward pass takes at most, beyond what there was. */
    private long peak(Function<Tensor, Tensor> function, Tensor x, Tensor seed) {
        Tensor result = function.apply(x);
        long before = scope.device().memoryUsage().inUse();
        scope.device().backend().resetPeakMemory();
        Autograd.backward(result, seed);
        long peak = scope.device().memoryUsage().peakInUse() - before;
        x.clearGradient();
        return peak;
    }

    @Test
    void aChainComputesItsGradientsInThePlaceOfTheFirst() {
        Tensor x = leaf(0, 64, 1024);
        Tensor seed = Tensor.normal(6, 0, 64, 1024);
        Tensor weight = Tensor.ones(1024);
        long bytes = 64 * 1024 * Float.BYTES;
        Function<Tensor, Tensor> chain = in -> Functional.rmsNorm(in.softmax(-1).logSoftmax(-1).softmax(-1), weight, 1e-5).logSoftmax(-1);
        assertThat(peak(chain, x, seed)).isLessThan(bytes + bytes / 2);
        float[] values = seed.toFloatArray();
        assertThat(values).as("the seed stays").isEqualTo(Tensor.normal(6, 0, 64, 1024).toFloatArray());
    }

    @Test
    void leavesThatAreGivenOneGradientHaveEachTheirOwn() {
        Tensor x = leaf(0, 7, 33);
        Tensor y = leaf(1, 7, 33);
        x.add(y).mul(3).sum().backward();
        assertThat(x.gradient().overlaps(y.gradient())).isFalse();
        assertThat(x.gradient().toFloatArray()).containsOnly(3);
        x.gradient().fill(0);
        assertThat(y.gradient().toFloatArray()).containsOnly(3);
        x.clearGradient();
        y.clearGradient();
        Tensor product = y.mul(2);
        x.add(product).mul(3).sum().backward();
        assertThat(x.gradient().toFloatArray()).containsOnly(3);
        assertThat(y.gradient().toFloatArray()).containsOnly(6);
    }

    @Test
    void aGradientThatTwoOperationsShareIsOverwrittenByNeither() {
        Tensor x = leaf(0, 7, 33);
        Tensor y = leaf(1, 7, 33);
        Tensor weight = Tensor.uniform(5, 3, 33);
        List<float[]> ofX = gradients(x.softmax(-1), x);
        List<float[]> ofY = gradients(Functional.rmsNorm(y, weight, 1e-5), y);
        Tensor sum = x.softmax(-1).add(Functional.rmsNorm(y, weight, 1e-5));
        List<float[]> both = gradients(sum.mul(1), x, y);
        assertThat(both.get(0)).isEqualTo(ofX.getFirst());
        assertThat(both.get(1)).isEqualTo(ofY.getFirst());
        // One operand of both, and a view between.
        Tensor twice = x.softmax(-1).reshape(33, 7).add(x.logSoftmax(-1).reshape(33, 7));
        List<float[]> expected = List.of(gradients(x.softmax(-1), x).getFirst(), gradients(x.logSoftmax(-1), x).getFirst());
        float[] together = gradients(twice.reshape(7, 33).mul(1), x).getFirst();
        for (int i = 0; i < together.length; i++) {
            assertThat(together[i]).isEqualTo(expected.get(1)[i] + expected.get(0)[i]);
        }
    }
}
