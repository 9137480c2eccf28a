package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class InitTest {
    /** Outputs, inputs and a kernel: a fan-in of 600, a fan-out of 900. */
    private static final Shape SHAPE = Shape.of(300, 200, 3);

    private static void assertDeviation(String what, Tensor weight, double expected, boolean uniform) {
        Tensor exact = weight.cast(DType.F32);
        assertThat(Math.sqrt(exact.variance().item())).as(what).isCloseTo(expected, Offset.offset(0.01 * expected));
        assertThat((double) exact.mean().item()).as(what).isCloseTo(0, Offset.offset(0.02 * expected));
        // The largest of uniform numbers is sqrt(3) deviations away, that of so many normal ones more than 4.
        double largest = exact.abs().max().item() / expected;
        assertThat(largest).as(what).isBetween(uniform ? 1.72 : 4, uniform ? 1.7321 * 1.004 : 7);
    }

    @Test
    void deviationsAreThoseOfTheNames() {
        try (var _ = Scope.open()) {
            for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
                Tensor weight = Tensor.empty(dtype, SHAPE);
                assertDeviation("xavierUniform", Init.xavierUniform(weight, 2, 1, 0), 2 * Math.sqrt(2.0 / 1500), true);
                assertDeviation("xavierNormal", Init.xavierNormal(weight, 1, 1, 0), Math.sqrt(2.0 / 1500), false);
                assertDeviation("kaimingUniform", Init.kaimingUniform(weight, 0, 1, 0), Math.sqrt(2.0 / 600), true);
                assertDeviation("kaimingUniform", Init.kaimingUniform(weight, Math.sqrt(5), 1, 0), Math.sqrt(1.0 / 1800), true);
                assertDeviation("kaimingNormal", Init.kaimingNormal(weight, 0, 1, 0), Math.sqrt(2.0 / 600), false);
                assertDeviation("uniform", Init.uniform(weight, -3, 3, 1, 0), Math.sqrt(3), true);
                assertDeviation("normal", Init.normal(weight, 0, 0.02, 1, 0), 0.02, false);
            }
        }
    }

    @Test
    void seedAndStreamDecide() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.zeros(3, 4);
            float[] first = Init.kaimingNormal(weight, 0, 1, 2).toFloatArray();
            assertThat(Init.kaimingNormal(weight, 0, 1, 3).toFloatArray()).isNotEqualTo(first);
            assertThat(Init.kaimingNormal(weight, 0, 1, 2)).isSameAs(weight);
            assertThat(weight.toFloatArray()).isEqualTo(first);
            assertThat(Init.normal(Tensor.zeros(1000), 5, 0.1, 1, 2).mean().item()).isCloseTo(5, Offset.offset(0.02f));
            assertThatThrownBy(() -> Init.xavierUniform(Tensor.zeros(3), 1, 0, 0)).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[xavierUniform] ");
            assertThatThrownBy(() -> Init.normal(Tensor.of(new int[3]), 0, 1, 0, 0)).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[normal] ");
        }
    }
}
