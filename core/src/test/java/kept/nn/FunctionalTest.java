package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class FunctionalTest {
    @Test
    void dropoutKeepsTheExpectedValueAndPassesGradientsWhereItKeeps() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.full(3, DType.F32, Tensor.zeros(100, 200).shape()).requireGradient();
            Tensor y = Functional.dropout(x, 0.25, true, 7, 1);
            float[] values = y.detach().toFloatArray();
            int zeros = 0;
            for (float value : values) {
                assertThat(value == 0 || Math.abs(value - 4) < 1e-6).isTrue();
                zeros += value == 0 ? 1 : 0;
            }
            assertThat((double) zeros / values.length).isCloseTo(0.25, Offset.offset(0.01));
            y.sum().backward();
            float[] gradient = x.gradient().toFloatArray();
            for (int i = 0; i < values.length; i++) {
                assertThat(gradient[i]).isCloseTo(values[i] / 3, Offset.offset(1e-6f));
            }
            assertThat(Functional.dropout(x, 0.25, true, 7, 1).detach().toFloatArray()).isEqualTo(values);
            assertThat(Functional.dropout(x, 0.25, true, 7, 2).detach().toFloatArray()).isNotEqualTo(values);
            assertThat(Functional.dropout(x, 0.25, true, 8, 1).detach().toFloatArray()).isNotEqualTo(values);
        }
    }

    @Test
    void dropoutAtItsEnds() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {1, Float.NaN, Float.POSITIVE_INFINITY});
            assertThat(Functional.dropout(x, 0.5, false, 0, 0)).isSameAs(x);
            assertThat(Functional.dropout(x, 0, true, 0, 0)).isSameAs(x);
            assertThat(Functional.dropout(x, 1, true, 0, 0).toFloatArray()).containsExactly(0, 0, 0);
            assertThat(Functional.dropout(Tensor.scalar(2, DType.BF16), 1e-12, true, 0, 0).item()).isEqualTo(2);
            for (double p : new double[] {-0.1, 1.1, Double.NaN}) {
                refused("dropout", () -> Functional.dropout(x, p, true, 0, 0));
            }
            refused("dropout", () -> Functional.dropout(Tensor.of(new int[2]), 0.5, true, 0, 0));
            refused("dropout", () -> Functional.dropout(null, 0.5, true, 0, 0));
        }
    }

    /** As PyTorch's {@code xlogy}; only a target of 0 contributes nothing, whatever the input. */
    @Test
    void targetsOfKlDivergenceThatAreNoProbabilitiesGiveNotANumber() {
        try (var _ = Scope.open()) {
            float infinity = Float.POSITIVE_INFINITY;
            Tensor input = Tensor.of(new float[] {-1, -infinity}, 1, 2);
            assertThat(Functional.klDivergence(input, Tensor.of(new float[] {1, 0}, 1, 2)).item()).isEqualTo(1);
            for (float target : new float[] {Float.NaN, -0.25f}) {
                assertThat(Functional.klDivergence(input, Tensor.of(new float[] {target, 0}, 1, 2)).item()).as("of %s", target).isNaN();
            }
            assertThat(Functional.klDivergence(input, Tensor.of(new float[] {1, 1}, 1, 2)).item()).isEqualTo(infinity);
        }
    }

    /** Terms that were rounded one by one gave 0.97 where the sum is 1.05. */
    @Test
    void klDivergenceOfReducedPrecisionIsRoundedOnce() {
        try (var _ = Scope.open()) {
            for (int seed = 0; seed < 30; seed++) {
                Tensor target = Tensor.uniform(seed, 0, 4, 3).cast(DType.BF16);
                Tensor input = Tensor.normal(seed, 1, 4, 3).cast(DType.BF16);
                Tensor exact = Functional.klDivergence(input.cast(DType.F64), target.cast(DType.F64));
                Tensor seen = Functional.klDivergence(input, target);
                assertThat(seen.dtype()).isEqualTo(DType.BF16);
                assertThat(seen.item()).as("seed %d", seed).isEqualTo(exact.cast(DType.BF16).item());
            }
        }
    }

    @Test
    void whatDoesNotFitIsSaid() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(1, 4, 5);
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(2, 4, 6), null, Convolution.DEFAULT));
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(2, 4, 3), null, new Convolution(1, 0, 3, 1)));
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(2, 3, 3), null, Convolution.DEFAULT));
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(3, 2, 3), null, new Convolution(1, 0, 1, 2)));
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(2, 4, 3), Tensor.zeros(3), Convolution.DEFAULT));
            refused("conv1d", () -> Functional.conv1d(x, Tensor.zeros(2, 4, 3), null, null));
            refused("conv2d", () -> Functional.conv2d(x, Tensor.zeros(2, 4, 3), null, Convolution.DEFAULT));
            refused("conv2d", () -> Functional.conv2d(null, Tensor.zeros(2, 4, 3, 3), null, Convolution.DEFAULT));
            refused("crossEntropy", () -> Functional.crossEntropy(Tensor.zeros(2, 3), Tensor.of(new int[3])));
            refused("crossEntropy", () -> Functional.crossEntropy(Tensor.zeros(2, 3), Tensor.zeros(2)));
            for (int[] n : new int[][] {{0, 0, 1, 1}, {1, -1, 1, 1}, {1, 0, 0, 1}, {1, 0, 1, 0}}) {
                assertThatThrownBy(() -> new Convolution(n[0], n[1], n[2], n[3])).isInstanceOf(IllegalArgumentException.class);
            }
            assertThat(Functional.crossEntropy(Tensor.zeros(2, 3), Tensor.of(new int[] {-1, -100})).item()).isNaN();
        }
    }

    private static void refused(String name, Runnable call) {
        assertThatThrownBy(call::run).isInstanceOf(TensorException.class).hasMessageStartingWith("[" + name + "] ");
    }
}
