package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import kept.backend.PrimitiveDevice;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The tests of gradients once more, on a device that has the primitive kernels alone: scopes that tests open are on the device of the one around. */
class PrimitiveGradientTest {
    private Scope scope;

    @BeforeEach
    void openScope() {
        scope = Scope.open(PrimitiveDevice.get());
    }

    @AfterEach
    void closeScope() {
        scope.close();
    }

    @Test
    void tensorsOfScopesInsideLiveOnTheDevice() {
        try (var _ = Scope.open()) {
            assertThat(Tensor.zeros(1).device()).isSameAs(PrimitiveDevice.get());
        }
    }

    @Nested
    class OnElementwiseGradient extends ElementwiseGradientTest {}

    @Nested
    class OnReductionGradient extends ReductionGradientTest {}

    @Nested
    class OnProductGradient extends ProductGradientTest {}

    @Nested
    class OnIndexGradient extends IndexGradientTest {}

    @Nested
    class OnViewGradient extends ViewGradientTest {}

    @Nested
    class OnFusedOperations extends FusedOperationsTest {}

    @Nested
    class OnCausalAttention extends CausalAttentionTest {}

    @Nested
    class OnLinearCrossEntropy extends LinearCrossEntropyTest {}

    @Nested
    class OnLinearDistillation extends LinearDistillationTest {}

    @Nested
    class OnOverwrittenOperands extends OverwrittenOperandsTest {}
}
