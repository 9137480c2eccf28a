package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ScopeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AutogradTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor leaf(float... values) {
        return Tensor.of(values).requireGradient();
    }

    @Test
    void severalUsesOfATensorAddUp() {
        Tensor x = leaf(3, -2);
        x.mul(x).add(x).add(x).sum().backward();
        assertThat(x.gradient().toFloatArray()).containsExactly(8, -2);
    }

    @Test
    void aDiamondAddsTheGradientsOfBothSides() {
        Tensor x = leaf(0.5f);
        Tensor y = x.mul(3);
        Tensor left = y.mul(y);
        Tensor right = y.add(1);
        left.mul(right).backward(); // (3x)^2 (3x + 1): 81 x^2 + 18 x
        assertThat(x.gradient().item()).isEqualTo(81 * 0.25f + 9);
    }

    @Test
    void oneTensorAsBothOperands() {
        Tensor x = leaf(1, 2, 4);
        Tensor y = x.mul(2);
        y.add(y).sub(y.div(y)).add(y.maximum(y)).sum().backward();
        assertThat(x.gradient().toFloatArray()).containsExactly(6, 6, 6);
    }

    @Test
    void anOperationMayHandOnViewsOfOneGradientToOneOperand() {
        Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2).requireGradient();
        Tensor y = x.mul(1);
        Autograd.backward(Autograd.apply(new PlusTransposed(), y, y), Tensor.of(new float[] {1, 10, 100, 1000}, 2, 2));
        assertThat(x.gradient().toFloatArray()).containsExactly(2, 110, 110, 2000);
    }

    /** {@code a + b^T}, its gradients two views of one fresh tensor. */
    private static final class PlusTransposed extends Operation {
        @Override
        protected Tensor forward(Tensor... inputs) {
            return inputs[0].add(inputs[1].transpose(0, 1));
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            Tensor fresh = gradient.mul(1);
            gradients.add(0, fresh);
            gradients.add(1, fresh.transpose(0, 1));
        }
    }

    @Test
    void aSecondBackwardAddsToTheGradientOfTheFirst() {
        Tensor x = leaf(2);
        Tensor y = x.square();
        y.backward();
        y.backward();
        assertThat(x.gradient().item()).isEqualTo(8);
        x.mul(5).backward();
        assertThat(x.gradient().item()).isEqualTo(13);
        x.zeroGradient();
        assertThat(x.gradient().item()).isZero();
        x.clearGradient();
        assertThat(x.gradient()).isNull();
    }

    @Test
    void theFirstGradientOfALeafStaysWhereItWasMade() {
        Tensor x = Tensor.ones(1000, 3);
        Tensor w = Tensor.ones(3, 1000).requireGradient();
        Tensor y = x.matmul(w).sum();
        long before = scope.device().memoryUsage().inUse();
        y.backward();
        assertThat(scope.device().memoryUsage().inUse() - before).isBetween(12_000L, 13_500L);
        w.clearGradient();
        assertThat(scope.device().memoryUsage().inUse()).isEqualTo(before);
    }

    @Test
    void aGraphThatIsWalkedOnceFreesItsActivationsAndNothingElse() {
        Tensor x = Tensor.normal(1, 0, 20, 30);
        Tensor w = Tensor.normal(1, 1, 30, 40).requireGradient();
        x.matmul(w).tanh().reshape(400, 2).square().sum().backward();
        float[] expected = w.gradient().toFloatArray();
        w.clearGradient();
        try (var other = Scope.detached(Device.cpu())) {
            Tensor product = x.matmul(w);
            Tensor kept = product.tanh();
            Tensor view = kept.reshape(400, 2);
            Tensor squares = view.square();
            Tensor halves = squares.mul(0.5);
            Tensor parts = halves.reshape(80, 10);
            Tensor loss = parts.add(halves.reshape(80, 10)).sum();
            other.adopt(kept);
            Autograd.backwardOnce(loss, null);
            assertThat(w.gradient().toFloatArray()).containsExactly(expected);
            assertThat(List.of(product, squares, halves, parts)).allMatch(Tensor::isReleased);
            assertThat(List.of(kept, view, loss, x, w)).noneMatch(Tensor::isReleased);
        }
        Tensor sum = x.matmul(w).exp().sum();
        Autograd.backwardOnce(sum, null);
        assertThatThrownBy(() -> Autograd.backward(sum, null)).isInstanceOf(ScopeException.class);
    }

    @Test
    void leavesThatGetTheSameTensorHaveGradientsOfTheirOwn() {
        Tensor a = leaf(1, 2);
        Tensor b = leaf(3, 4);
        Tensor sum = a.add(b);
        sum.mul(sum).sum().backward();
        a.sum().backward();
        assertThat(a.gradient().toFloatArray()).containsExactly(9, 13);
        assertThat(b.gradient().toFloatArray()).containsExactly(8, 12);
    }

    @Test
    void theSeedScalesTheGradient() {
        Tensor x = leaf(1, 2, 3);
        Autograd.backward(x.square(), Tensor.of(new float[] {1, 0, -1}));
        assertThat(x.gradient().toFloatArray()).containsExactly(2, 0, -6);
    }

    @Test
    void theSeedIsNotChanged() {
        Tensor x = leaf(1, 2);
        Tensor seed = Tensor.of(new float[] {1, 10});
        Tensor y = x.mul(1);
        Autograd.backward(y.add(y).add(y.reshape(1, 2).reshape(2)), seed);
        assertThat(seed.toFloatArray()).containsExactly(1, 10);
        assertThat(x.gradient().toFloatArray()).containsExactly(3, 30);
    }

    @Test
    void nothingIsRecordedWithoutRecordingOrWithoutLeaves() {
        Tensor x = leaf(1);
        Tensor y = Autograd.withoutRecording(() -> x.mul(2));
        assertThat(y.requiresGradient()).isFalse();
        assertThat(Autograd.isRecording()).isTrue();
        assertThat(Tensor.ones(2).add(1).requiresGradient()).isFalse();
        assertThat(x.gt(0).requiresGradient()).isFalse();
        assertThatThrownBy(() -> y.sum().backward())
                .isInstanceOf(TensorException.class)
                .hasMessageContaining("[backward] nothing to differentiate");
    }

    @Test
    void recordingIsRestoredAfterAFailure() {
        assertThatThrownBy(() -> Autograd.withoutRecording(() -> Tensor.ones(2).add(Tensor.ones(3)))).isInstanceOf(ShapeException.class);
        assertThat(Autograd.isRecording()).isTrue();
    }

    @Test
    void detachCutsTheGradientOff() {
        Tensor x = leaf(3);
        x.mul(x.detach()).backward();
        assertThat(x.gradient().item()).isEqualTo(3);
    }

    @Test
    void onlyAScalarHasABackwardWithoutSeed() {
        assertThatThrownBy(() -> leaf(1, 2).mul(2).backward()).isInstanceOf(ShapeException.class).hasMessageContaining("[2]");
        assertThatThrownBy(() -> Autograd.backward(leaf(1, 2).mul(2), Tensor.ones(3)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[backward] the seed's shape [3] is not the root's shape [2]");
        assertThatThrownBy(() -> Autograd.backward(leaf(1, 2).mul(2), Tensor.ones(2).cast(DType.BF16)))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[backward] the seed must be f32, as the gradient of a root in f32 is, not bf16");
    }

    @Test
    void onlyALeafIsMadeToWantAGradient() {
        assertThatThrownBy(() -> leaf(1).mul(2).requireGradient())
                .isInstanceOf(TensorException.class)
                .hasMessage("[requireGradient] a recorded operation made this tensor, so it is no leaf; detach it first");
    }

    @Test
    void integersHaveNoGradient() {
        assertThatThrownBy(() -> Tensor.of(new int[] {1}).requireGradient())
                .isInstanceOf(DTypeException.class)
                .hasMessage("[requireGradient] no f32 gradient for i32: f64 has f64, other floats f32 or bf16");
    }

    @Test
    void aChainOfTenThousandOperationsIsDifferentiated() {
        Tensor x = leaf(1);
        Tensor y = x;
        for (int i = 0; i < 10_000; i++) {
            y = i % 2 == 0 ? y.add(1) : y.sub(1);
        }
        y.backward();
        assertThat(x.gradient().item()).isEqualTo(1);
    }

    @Test
    void gradientsThatArePassedOnAreFreedAtOnce() {
        int elements = 1 << 16;
        Tensor x = Tensor.ones(elements).requireGradient();
        TensorInternals.gradientAccumulator(x);
        List<Long> inUse = new ArrayList<>();
        Tensor y = x;
        for (int i = 0; i < 50; i++) {
            y = Autograd.apply(new Watch(inUse), y.tanh());
        }
        Tensor sum = y.sum();
        long before = Device.cpu().memoryUsage().inUse();
        sum.backward();
        assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(before);
        assertThat(inUse).hasSize(50).allSatisfy(bytes -> assertThat(bytes - before).isLessThan(2L * elements * Float.BYTES));
    }

    /** The identity; notes the bytes in use when its gradient passes. */
    private static final class Watch extends Operation {
        private final List<Long> inUse;

        Watch(List<Long> inUse) {
            this.inUse = inUse;
        }

        @Override
        protected Tensor forward(Tensor... inputs) {
            return inputs[0].detach();
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            inUse.add(Device.cpu().memoryUsage().inUse());
            gradients.add(0, gradient);
        }
    }

    @Test
    void aTrainingLoopUsesAsMuchMemoryAfterAThousandStepsAsAfterTen() {
        Tensor w1 = Tensor.normal(1, 0, 5, 16).mul(0.3).detach().requireGradient();
        Tensor w2 = Tensor.normal(1, 1, 16, 1).mul(0.3).detach().requireGradient();
        Tensor x = Tensor.normal(1, 2, 3, 7, 5);
        Tensor y = x.sum(true, -1).tanh();
        long afterTen = 0;
        float first = 0;
        float last = 0;
        for (int step = 1; step <= 1000; step++) {
            try (var _ = Scope.open()) {
                Tensor hidden = x.matmul(w1).silu();
                Tensor loss = hidden.matmul(w2).sub(y).square().mean();
                loss.backward();
                last = loss.item();
                first = step == 1 ? last : first;
                for (Tensor w : List.of(w1, w2)) {
                    w.assign(w.detach().sub(w.gradient().mul(0.05)));
                    w.zeroGradient();
                }
            }
            if (step == 10) {
                afterTen = Device.cpu().memoryUsage().inUse();
            }
        }
        assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(afterTen);
        assertThat(last).isLessThan(first / 20);
    }

    @Test
    void theSameBitsEveryTime() {
        float[] first = null;
        for (int i = 0; i < 3; i++) {
            Tensor w = Tensor.normal(5, 0, 33, 33).requireGradient();
            Tensor y = w.matmul(w).tanh();
            y.mul(w).add(y.exp()).mean().backward();
            float[] gradient = w.gradient().toFloatArray();
            if (first != null) {
                assertThat(gradient).isEqualTo(first);
            }
            first = gradient;
        }
        assertThat(first).hasSize(33 * 33);
        assertThat(Tensor.of(first).cast(DType.F32).abs().max().item()).isPositive();
    }
}
