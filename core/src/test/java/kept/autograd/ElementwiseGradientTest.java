package kept.autograd;

import static kept.autograd.GradientCheck.check;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ElementwiseGradientTest {
    static Stream<Arguments> functionsOfOneOperand() {
        Reference any = Reference.normal(1, 3, 5, 7);
        Reference positive = Reference.uniform(2, 0.2, 3, 5, 1, 13);
        return Stream.of(
                unary("neg", Tensor::neg, x -> -x, any),
                unary("abs", Tensor::abs, Math::abs, any),
                unary("exp", Tensor::exp, Math::exp, any),
                unary("log", Tensor::log, Math::log, positive),
                unary("sqrt", Tensor::sqrt, Math::sqrt, positive),
                unary("rsqrt", Tensor::rsqrt, x -> 1 / Math.sqrt(x), positive),
                unary("tanh", Tensor::tanh, Math::tanh, any),
                unary("sigmoid", Tensor::sigmoid, ElementwiseGradientTest::sigmoid, any),
                unary("silu", Tensor::silu, x -> x * sigmoid(x), any),
                unary("sin", Tensor::sin, Math::sin, any),
                unary("cos", Tensor::cos, Math::cos, any),
                unary("erf", Tensor::erf, References::erf, any),
                unary("floor", Tensor::floor, Math::floor, any),
                unary("ceil", Tensor::ceil, Math::ceil, any),
                unary("round", Tensor::round, Math::rint, any),
                unary("sign", Tensor::sign, Math::signum, any),
                unary("gelu", Tensor::gelu, x -> x / 2 * (1 + References.erf(x / Math.sqrt(2))), any),
                unary("geluTanh", Tensor::geluTanh, x -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))), any),
                unary("relu", Tensor::relu, x -> Math.max(x, 0), any),
                unary("square", Tensor::square, x -> x * x, any),
                unary("pow 0", x -> x.pow(0), _ -> 1, any),
                unary("pow 1", x -> x.pow(1), x -> x, any),
                unary("pow 5", x -> x.pow(5), x -> Math.pow(x, 5), Reference.uniform(3, -1.5, 1.5, 17)),
                unary("pow -2", x -> x.pow(-2), x -> Math.pow(x, -2), Reference.uniform(3, 0.5, 1.5, 17)),
                unary("pow 0.5", x -> x.pow(0.5), Math::sqrt, positive),
                unary("pow -0.5", x -> x.pow(-0.5), x -> 1 / Math.sqrt(x), positive),
                unary("pow 1.7", x -> x.pow(1.7), x -> Math.pow(x, 1.7), positive),
                unary("add 1.5", x -> x.add(1.5), x -> x + 1.5, any),
                unary("sub 1.5", x -> x.sub(1.5), x -> x - 1.5, any),
                unary("mul -0.3", x -> x.mul(-0.3), x -> x * -0.3, any),
                unary("div 3", x -> x.div(3), x -> x / 3, any),
                unary("clamp", x -> x.clamp(-0.5, 0.7), x -> Math.clamp(x, -0.5, 0.7), any),
                unary("clamp from below", x -> x.clamp(0.1, Double.POSITIVE_INFINITY), x -> Math.max(x, 0.1), any),
                unary("cast", x -> x.cast(DType.F32), x -> x, any),
                unary("a scalar's exp", Tensor::exp, Math::exp, Reference.of(new double[] {0.75})));
    }

    private static Arguments unary(String name, UnaryOperator<Tensor> operation, DoubleUnaryOperator reference, Reference input) {
        return Arguments.of(name, operation, reference, input);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void functionsOfOneOperand(String name, UnaryOperator<Tensor> operation, DoubleUnaryOperator reference, Reference input) {
        check(in -> operation.apply(in[0]), in -> in[0].map(reference), input);
    }

    interface Combination {
        Tensor apply(Tensor a, Tensor b);
    }

    static Stream<Arguments> functionsOfTwoOperands() {
        return Stream.of(
                binary("add", Tensor::add, (a, b) -> a + b),
                binary("sub", Tensor::sub, (a, b) -> a - b),
                binary("mul", Tensor::mul, (a, b) -> a * b),
                binary("div", Tensor::div, (a, b) -> a / b),
                binary("minimum", Tensor::minimum, Math::min),
                binary("maximum", Tensor::maximum, Math::max));
    }

    private static Arguments binary(String name, Combination operation, DoubleBinaryOperator reference) {
        return Arguments.of(name, operation, reference);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void functionsOfTwoOperands(String name, Combination operation, DoubleBinaryOperator reference) {
        int[][][] shapes = {
            {{3, 7}, {3, 7}}, {{2, 3, 5}, {5}}, {{1, 5}, {3, 1}}, {{}, {4, 3}}, {{2, 1, 3, 1}, {5, 1, 2}}, {{13}, {1}}, {{}, {}}
        };
        for (int[][] pair : shapes) {
            Reference a = Reference.uniform(5, 0.5, 2, pair[0]);
            Reference b = Reference.uniform(6, 0.5, 2, pair[1]);
            check(in -> operation.apply(in[0], in[1]), in -> in[0].zip(in[1], reference), a, b);
        }
    }

    @Test
    void whereSendsTheGradientToTheOperandThatWasTaken() {
        Reference choice = Reference.normal(7, 4, 1, 5);
        check(
                in -> Tensor.where(Tensor.of(choice.floats(), 4, 1, 5).gt(0), in[0], in[1]),
                in -> choice.zip(in[0].zip(in[1], (a, _) -> a), (c, a) -> c > 0 ? a : 0)
                        .zip(choice.zip(in[0].zip(in[1], (_, b) -> b), (c, b) -> c > 0 ? 0 : b), Double::sum),
                Reference.normal(8, 3, 5),
                Reference.normal(9, 4, 1, 1));
    }

    @Test
    void equalOperandsOfMaximumAndMinimumShareTheGradientByHalves() {
        try (var _ = Scope.open()) {
            Tensor a = Tensor.of(new float[] {1, 2, 3}).requireGradient();
            Tensor b = Tensor.of(new float[] {1, 3, 2}).requireGradient();
            a.maximum(b).sum().backward();
            assertThat(a.gradient().toFloatArray()).containsExactly(0.5f, 0, 1);
            assertThat(b.gradient().toFloatArray()).containsExactly(0.5f, 1, 0);
            a.minimum(b).sum().backward();
            assertThat(a.gradient().toFloatArray()).containsExactly(1, 1, 1);
            assertThat(b.gradient().toFloatArray()).containsExactly(1, 1, 1);
        }
    }

    @Test
    void anInfiniteGradientOfWhatWasNotTakenIsZero() {
        try (var _ = Scope.open()) {
            Tensor seed = Tensor.of(new float[] {Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY});
            Tensor x = Tensor.of(new float[] {-1, 2}).requireGradient();
            Tensor y = Tensor.of(new float[] {1, 1}).requireGradient();
            float infinity = Float.POSITIVE_INFINITY;
            assertThat(gradients(x.relu(), seed, x)).containsExactly(0, infinity);
            assertThat(gradients(x.clamp(-0.5, 1.5), seed, x)).containsExactly(0, 0);
            assertThat(gradients(x.maximum(y), seed, x, y)).containsExactly(0, infinity, infinity, 0);
            assertThat(gradients(x.minimum(y), seed, x, y)).containsExactly(infinity, 0, 0, infinity);
        }
    }

    /** As in PyTorch: a gradient of 0 would hide that the result is not a number. */
    @Test
    void theGradientPassesWhereTheResultIsNotANumber() {
        try (var _ = Scope.open()) {
            float nan = Float.NaN;
            Tensor seed = Tensor.of(new float[] {3, 4, 5});
            Tensor x = Tensor.of(new float[] {nan, 1, nan}).requireGradient();
            Tensor y = Tensor.of(new float[] {2, nan, nan}).requireGradient();
            assertThat(gradients(x.relu(), seed, x)).containsExactly(3, 4, 5);
            assertThat(gradients(x.maximum(y), seed, x, y)).containsExactly(3, 4, 5, 3, 4, 5);
            assertThat(gradients(x.minimum(y), seed, x, y)).containsExactly(3, 4, 5, 3, 4, 5);
        }
    }

    private static float[] gradients(Tensor result, Tensor seed, Tensor... leaves) {
        Autograd.backward(result, seed);
        Tensor all = Tensor.concat(0, Arrays.stream(leaves).map(Tensor::gradient).toArray(Tensor[]::new));
        Arrays.stream(leaves).forEach(Tensor::clearGradient);
        return all.toFloatArray();
    }

    @Test
    void theGradientOfClampPassesAtItsBounds() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {-2, -1, 0, 1, 2}).requireGradient();
            x.clamp(-1, 1).sum().backward();
            assertThat(x.gradient().toFloatArray()).containsExactly(0, 1, 1, 1, 0);
        }
    }

    @Test
    void gradientsAtTheKinksOfAbsAndReluAreZero() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(2).requireGradient();
            x.abs().add(x.relu()).sum().backward();
            assertThat(x.gradient().toFloatArray()).containsExactly(0, 0);
        }
    }

    @Test
    void powersHaveTheirGradientAtZero() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(1).requireGradient();
            x.pow(0).add(x.pow(1)).add(x.pow(2)).add(x.pow(2.5)).backward();
            assertThat(x.gradient().toFloatArray()).containsExactly(1);
        }
    }

    @Test
    void gradientsOfReducedPrecisionAreF32AndPassThroughCasts() {
        try (var _ = Scope.open()) {
            for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
                Tensor a = Tensor.of(new float[] {1.5f, -2, 3}).cast(dtype).requireGradient();
                Tensor b = Tensor.of(new float[] {0.3f, 0.7f, -0.1f}).requireGradient();
                Tensor product = a.mul(b);
                assertThat(product.dtype()).isEqualTo(DType.F32);
                product.cast(dtype).cast(DType.F32).sum().backward();
                assertThat(a.gradient().dtype()).isEqualTo(DType.F32);
                assertThat(a.gradient().toFloatArray()).containsExactly(0.3f, 0.7f, -0.1f);
                assertThat(b.gradient().toFloatArray()).containsExactly(1.5f, -2, 3);
            }
        }
    }
}
