package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** The contract of the optimiser's kernels. */
public abstract class OptimizerKernelContract extends KernelContract {
    private static final int[] COUNTS = {1, 17, 4098, 70_001};
    private static final float[] GRADIENTS = {0.5f, -0.25f, 1f};

    /** For subclasses. */
    protected OptimizerKernelContract() {}

    private static void assertAll(Tensor actual, float expected, float tolerance) {
        for (float value : actual.toFloatArray()) {
            assertThat(Math.abs(value - expected)).as("%s is to be %s", value, expected).isLessThanOrEqualTo(tolerance);
        }
    }

    @Test
    void adamWGivesTheNumbersOfThreeStepsByHand() {
        for (int count : COUNTS) {
            Tensor w = Tensor.full(1, DType.F32, Shape.of(count));
            Tensor m = Tensor.zeros(count);
            Tensor v = Tensor.zeros(count);
            float[] parameters = {0.8990000020f, 0.8714672987f, 0.8047846724f};
            float[] firsts = {0.05f, 0.02f, 0.118f};
            float[] seconds = {0.00025f, 0.00031225f, 0.00131193775f};
            for (int i = 0; i < 3; i++) {
                backend().adamW(new AdamWStep(i + 1, 0.1, 0.9, 0.999, 1e-8, 0.01, 1), w, Tensor.full(GRADIENTS[i], DType.F32, Shape.of(count)), m, v);
                assertAll(w, parameters[i], 2e-7f);
                assertAll(m, firsts[i], 2e-8f);
                assertAll(v, seconds[i], 2e-9f);
            }
        }
    }

    @Test
    void adamWScalesGradientsAndTakesALargeEpsilonAndDecay() {
        Tensor w = Tensor.full(-2, DType.F32, Shape.of(33));
        Tensor m = Tensor.zeros(33);
        Tensor v = Tensor.zeros(33);
        float[] parameters = {-2.0399001996f, -2.0430850475f, -2.0652586121f};
        for (int i = 0; i < 3; i++) {
            Tensor gradient = Tensor.full(4 * GRADIENTS[i], DType.F32, Shape.of(33));
            backend().adamW(new AdamWStep(i + 1, 0.05, 0.9, 0.95, 1e-3, 0.1, 0.25), w, gradient, m, v);
            assertAll(w, parameters[i], 4e-7f);
        }
        assertAll(m, 0.118f, 2e-8f);
        assertAll(v, 0.06425f, 1e-8f);
    }

    @Test
    void adamWRoundsParametersOfReducedPrecisionOnce() {
        for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
            for (int count : COUNTS) {
                Tensor w = normal(dtype, count, 1, count);
                Tensor wide = Tensor.of(w.toFloatArray());
                Tensor gradient = normal(DType.F32, 3, 1, count);
                Tensor[] moments = {Tensor.zeros(count), Tensor.zeros(count), Tensor.zeros(count), Tensor.zeros(count)};
                AdamWStep step = new AdamWStep(1, 0.01, 0.9, 0.999, 1e-8, 0.1, 1);
                backend().adamW(step, w, gradient, moments[0], moments[1]);
                backend().adamW(step, wide, gradient, moments[2], moments[3]);
                assertThat(w.toFloatArray()).isEqualTo(of(dtype, wide.toFloatArray(), count).toFloatArray());
                assertThat(moments[1].toFloatArray()).isEqualTo(moments[3].toFloatArray());
            }
        }
    }

    @Test
    void sumOfSquaresIsThatOfDoublePrecision() {
        for (int count : COUNTS) {
            Tensor x = normal(DType.F32, count, 1, count);
            Tensor y = normal(DType.F32, count + 1, 1e-3, 2, 3);
            double exact = dot(values(x), values(x)) + dot(values(y), values(y));
            assertThat(backend().sumOfSquares(List.of(x, y))).isCloseTo(exact, Percentage.withPercentage(1e-10));
        }
        assertThat(backend().sumOfSquares(List.of())).isZero();
        assertThat(backend().sumOfSquares(List.of(Tensor.full(1e30, DType.F32, Shape.of(100)))))
                .isCloseTo(1e62, Percentage.withPercentage(1e-4));
    }

    @Test
    void sumOfSquaresShowsWhatIsNotFinite() {
        for (int at : new int[] {0, 63, 64, 69_999}) {
            float[] values = new float[70_000];
            values[at] = Float.NEGATIVE_INFINITY;
            assertThat(backend().sumOfSquares(List.of(Tensor.of(values)))).isInfinite();
            values[at] = Float.NaN;
            assertThat(backend().sumOfSquares(List.of(Tensor.of(values)))).isNaN();
        }
    }
}
