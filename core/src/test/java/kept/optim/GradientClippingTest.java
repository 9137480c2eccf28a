package kept.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.nn.Parameter;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** The global norm against PyTorch's {@code clip_grad_norm_}. */
class GradientClippingTest {
    private static Parameter withGradient(float... gradient) {
        var parameter = new Parameter(Tensor.zeros(gradient.length).requireGradient());
        TensorInternals.gradientAccumulator(parameter.value()).assign(Tensor.of(gradient));
        return parameter;
    }

    @Test
    void largeGradientsAreScaledAsPyTorchScalesThem() {
        try (var _ = Scope.open()) {
            var without = new Parameter(Tensor.zeros(5).requireGradient());
            GradientClipping clipping = GradientClipping.globalNorm(List.of(withGradient(3, -4, 0.5f, 0.25f), without, withGradient(1, 2, -2)), 2.5);
            assertThat(clipping.norm()).isCloseTo(5.857687473297119, Offset.offset(1e-6));
            assertThat(3 * clipping.scale()).isCloseTo(1.2803685665130615, Offset.offset(1e-6));
            assertThat(clipping.isFinite()).isTrue();
        }
    }

    @Test
    void smallGradientsAreLeftAlone() {
        try (var _ = Scope.open()) {
            assertThat(GradientClipping.globalNorm(List.of(withGradient(0.3f, 0.4f)), 1).scale()).isEqualTo(1);
            assertThat(GradientClipping.globalNorm(List.of(withGradient(30, 40)), Double.POSITIVE_INFINITY))
                    .isEqualTo(new GradientClipping(50, 1));
            assertThat(GradientClipping.globalNorm(List.of(), 1)).isEqualTo(new GradientClipping(0, 1));
        }
    }

    @Test
    void gradientsThatAreNotFiniteAreReported() {
        try (var _ = Scope.open()) {
            assertThat(GradientClipping.globalNorm(List.of(withGradient(1, Float.NaN)), 1).isFinite()).isFalse();
            assertThat(GradientClipping.globalNorm(List.of(withGradient(1, Float.NEGATIVE_INFINITY)), 1).isFinite()).isFalse();
            GradientClipping large = GradientClipping.globalNorm(List.of(withGradient(1e30f, 1e30f)), 1);
            assertThat(large.isFinite()).as("squares beyond float32 are counted").isTrue();
        }
    }

    @Test
    void limitMustBePositive() {
        assertThatThrownBy(() -> GradientClipping.globalNorm(List.of(), 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("[gradient clipping] the limit must be above 0, not 0.0");
    }
}
