package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import kept.autograd.operation.EmbeddingLookup;
import kept.nn.Functional;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Leaves whose gradients are kept in BF16. */
class GradientTypeTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open(Device.cpu());
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /** A loss over a leaf {@code [5, 7]}, with other operands from fixed seeds. */
    private static Stream<Arguments> losses() {
        return Stream.of(
                Arguments.of("the weight of a linear layer", (UnaryOperator<Tensor>) w -> normal(1, 3, 7).linear(w)),
                Arguments.of("the right factor", (UnaryOperator<Tensor>) w -> normal(2, 2, 3, 5).matmul(w)),
                Arguments.of("the left factor", (UnaryOperator<Tensor>) w -> w.matmul(normal(3, 7, 4))),
                Arguments.of("a factor of a batch", (UnaryOperator<Tensor>) w -> w.matmul(normal(4, 3, 7, 4))),
                Arguments.of("two uses", (UnaryOperator<Tensor>) w -> normal(5, 3, 7).linear(w).sum(0).add(w.sum(1))),
                Arguments.of("an embedding", (UnaryOperator<Tensor>) w ->
                        Autograd.apply(new EmbeddingLookup(), w, Tensor.of(new int[] {4, 0, 4}, 3))),
                Arguments.of("the head of a loss", (UnaryOperator<Tensor>) w ->
                        Functional.crossEntropy(new FactoredLogits(normal(6, 3, 7), w), Tensor.of(new int[] {4, 0, 4}, 3))),
                Arguments.of("the gradient as it comes", (UnaryOperator<Tensor>) w -> w),
                Arguments.of("the weight of a gated projection", (UnaryOperator<Tensor>) w ->
                        Functional.swiGluLinear(normal(7, 3, 7), normal(8, 3, 7), w)));
    }

    private static Tensor normal(long seed, long... shape) {
        return Tensor.normal(seed, 0, shape);
    }

    /** The gradient of a leaf of fixed values, whose loss weights all results differently. */
    private static Tensor gradient(UnaryOperator<Tensor> function, DType type) {
        Tensor leaf = normal(0, 5, 7).requireGradient(type);
        Tensor result = function.apply(leaf);
        Autograd.backward(result, Tensor.normal(9, 0, result.shape().toArray()));
        return leaf.gradient();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("losses")
    void aGradientIsTheF32OneRoundedOnce(String name, UnaryOperator<Tensor> function) {
        Tensor wide = gradient(function, DType.F32);
        Tensor rounded = gradient(function, DType.BF16);
        assertThat(rounded.dtype()).isEqualTo(DType.BF16);
        assertThat(wide.toFloatArray()).isNotEqualTo(rounded.cast(DType.F32).toFloatArray());
        if (!name.equals("two uses")) {
            assertThat(rounded.cast(DType.F32).toFloatArray()).isEqualTo(wide.cast(DType.BF16).cast(DType.F32).toFloatArray());
        } else {
            assertThat(rounded.sub(wide).abs().max().item()).isLessThan(wide.abs().max().item() * 0x1p-7f);
        }
    }

    /** What a pass adds is not rounded before it is added, only the sum after. */
    @Test
    void severalPassesAddUpInIt() {
        Tensor leaf = normal(0, 5, 7).requireGradient(DType.BF16);
        Tensor x = normal(1, 3, 7);
        for (int pass = 0; pass < 3; pass++) {
            Autograd.backward(x.linear(leaf).sum(), null);
        }
        Tensor once = gradientOfSum(x);
        Tensor sum = once.cast(DType.BF16).cast(DType.F32);
        for (int pass = 1; pass < 3; pass++) {
            sum = sum.add(once).cast(DType.BF16).cast(DType.F32);
        }
        assertThat(leaf.gradient().cast(DType.F32).toFloatArray()).isEqualTo(sum.toFloatArray());
    }

    private static Tensor gradientOfSum(Tensor x) {
        Tensor leaf = normal(0, 5, 7).requireGradient();
        Autograd.backward(x.linear(leaf).sum(), null);
        return leaf.gradient();
    }

    @Test
    void aCheckpointedSegmentGivesTheSameBits() {
        Tensor plain = normal(0, 5, 7).requireGradient(DType.BF16);
        Autograd.backward(normal(1, 3, 7).requireGradient().linear(plain), normal(2, 3, 5));
        Tensor again = normal(0, 5, 7).requireGradient(DType.BF16);
        Autograd.backward(Autograd.checkpoint(x -> x.linear(again), normal(1, 3, 7).requireGradient()), normal(2, 3, 5));
        assertThat(again.gradient().dtype()).isEqualTo(DType.BF16);
        assertThat(again.gradient().toFloatArray()).isEqualTo(plain.gradient().toFloatArray());
    }

    @Test
    void aParameterKeepsItsChoiceWhenFrozenAndThawed() {
        Parameter parameter = new Parameter(normal(0, 5, 7).cast(DType.BF16)).setGradientType(DType.BF16).setTrainable(true);
        Autograd.backward(parameter.value(), normal(1, 5, 7));
        assertThat(parameter.gradient().dtype()).isEqualTo(DType.BF16);
        parameter.setTrainable(false).setTrainable(true);
        assertThat(parameter.gradient()).isNull();
        Autograd.backward(parameter.value(), normal(1, 5, 7));
        assertThat(parameter.gradient().dtype()).isEqualTo(DType.BF16);
        parameter.setGradientType(DType.F32);
        assertThat(parameter.gradient()).isNull();
        Autograd.backward(parameter.value(), normal(1, 5, 7));
        assertThat(parameter.gradient().dtype()).isEqualTo(DType.F32);
    }

    @Test
    void aTypeThatNoOptimizerTakesAndAChangeUnderAGradientAreRefused() {
        assertThatThrownBy(() -> normal(0, 5, 7).requireGradient(DType.I32)).isInstanceOf(DTypeException.class).hasMessageContaining("i32");
        assertThatThrownBy(() -> normal(0, 5, 7).requireGradient(DType.F16)).isInstanceOf(DTypeException.class).hasMessageContaining("f16");
        assertThatThrownBy(() -> new Parameter(normal(0, 5, 7)).setGradientType(DType.BF16)).isInstanceOf(DTypeException.class)
                .hasMessage("[parameter] bf16 gradients are not supported for f32 parameters");
        Tensor leaf = normal(0, 5, 7).requireGradient();
        Autograd.backward(leaf, normal(1, 5, 7));
        assertThatThrownBy(() -> leaf.requireGradient(DType.BF16)).isInstanceOf(TensorException.class).hasMessageContaining("clear it first");
    }
}
