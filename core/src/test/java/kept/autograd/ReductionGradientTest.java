package kept.autograd;

import static kept.autograd.GradientCheck.check;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ReductionGradientTest {
    interface AlongAxes {
        Tensor apply(Tensor x, boolean keepDimensions, int... axes);
    }

    static Stream<Arguments> reductions() {
        return Stream.of(
                reduction("sum", Tensor::sum, x -> Arrays.stream(x).sum()),
                reduction("mean", Tensor::mean, x -> Arrays.stream(x).average().orElseThrow()),
                reduction("variance", Tensor::variance, ReductionGradientTest::variance),
                reduction("max", Tensor::max, x -> Arrays.stream(x).max().orElseThrow()),
                reduction("min", Tensor::min, x -> Arrays.stream(x).min().orElseThrow()),
                reduction("logSumExp", Tensor::logSumExp, x -> Math.log(Arrays.stream(x).map(Math::exp).sum())));
    }

    private static Arguments reduction(String name, AlongAxes operation, ToDoubleFunction<double[]> reference) {
        return Arguments.of(name, operation, reference);
    }

    private static double variance(double[] x) {
        double mean = Arrays.stream(x).average().orElseThrow();
        return Arrays.stream(x).map(value -> (value - mean) * (value - mean)).average().orElseThrow();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void reductions(String name, AlongAxes operation, ToDoubleFunction<double[]> reference) {
        int[][] axes = {{2}, {0}, {1}, {0, 2}, {1, 2}, {0, 1}, {0, 1, 2}};
        int[][] without = {{3, 5}, {5, 7}, {3, 7}, {5}, {3}, {7}, {}};
        Reference x = Reference.normal(11, 3, 5, 7);
        for (int i = 0; i < axes.length; i++) {
            int[] reduced = axes[i];
            int[] left = without[i];
            check(in -> operation.apply(in[0], true, reduced), in -> in[0].reduce(reference, reduced), x);
            check(in -> operation.apply(in[0], false, reduced), in -> in[0].reduce(reference, reduced).reshape(left), x);
        }
        check(in -> operation.apply(in[0], false), in -> in[0].reduce(reference, 0, 1, 2).reshape(), x);
        check(in -> operation.apply(in[0], false, -1, 0), in -> in[0].reduce(reference, 0, 2).reshape(5), x);
        check(in -> operation.apply(in[0], false), in -> in[0].reduce(reference), Reference.of(new double[] {0.625}));
    }

    @Test
    void softmaxAndItsLogarithm() {
        for (int axis = 0; axis < 3; axis++) {
            int along = axis;
            Reference x = Reference.normal(12, 3, 5, 7);
            check(in -> in[0].softmax(along), in -> softmax(in[0], along), x);
            check(in -> in[0].logSoftmax(along - 3), in -> softmax(in[0], along).map(Math::log), x);
        }
        check(in -> in[0].softmax(0), in -> softmax(in[0], 0), Reference.normal(13, 19));
    }

    private static Reference softmax(Reference x, int axis) {
        Reference powers = x.map(Math::exp);
        return powers.zip(powers.reduce(values -> Arrays.stream(values).sum(), axis), (a, b) -> a / b);
    }

    @Test
    void equalExtremesShareTheGradientEqually() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {4, 1, 4, 4, 2, 2}, 2, 3).requireGradient();
            x.max(1).mul(Tensor.of(new float[] {1, 3})).sum().backward();
            assertThat(x.gradient().toFloatArray()).containsExactly(0.5f, 0, 0.5f, 3, 0, 0);
            x.zeroGradient();
            x.min(1).sum().backward();
            assertThat(x.gradient().toFloatArray()).containsExactly(0, 1, 0, 0, 0.5f, 0.5f);
        }
    }

    @Test
    void noGradientFlowsThroughArgMax() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {1, 3, 2}).requireGradient();
            assertThat(x.argMax(0).requiresGradient()).isFalse();
        }
    }
}
