package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** How long tensors live: with views, early releases, failures, other threads and many steps. */
class ScopeLifetimeTest {
    private static long inUse() {
        return Device.cpu().memoryUsage().inUse();
    }

    @Test
    void aTensorAndItsViewsEndWithTheirScope() {
        Tensor x;
        Tensor view;
        try (var _ = Scope.open()) {
            x = Tensor.of(new float[] {1, 2, 3});
            view = x.alias(Shape.of(2), new long[] {1}, 1);
            assertThat(view.toFloatArray()).containsExactly(2, 3);
        }
        try (var _ = Scope.open()) {
            assertThatThrownBy(x::toFloatArray).isInstanceOf(ScopeException.class).hasMessageContainingAll("used after its scope closed", "keep");
            assertThatThrownBy(view::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(() -> x.fill(1)).isInstanceOf(ScopeException.class);
        }
    }

    @Test
    void newTensorsBelongToTheInnermostScope() {
        try (var outer = Scope.open()) {
            Tensor a = Tensor.zeros(3);
            try (var inner = Scope.open()) {
                Tensor b = Tensor.zeros(3);
                assertThat(Scope.current()).isSameAs(inner);
                assertThat(inner.owns(b)).isTrue();
                assertThat(inner.owns(a)).isFalse();
                assertThat(outer.owns(a)).isTrue();
            }
            assertThat(Scope.current()).isSameAs(outer);
            assertThat(a.toFloatArray()).containsOnly(0);
        }
    }

    @Test
    void releasingEarlyFreesAtOnceAndOnlyOnce() {
        try (var outer = Scope.open()) {
            Tensor others = Tensor.zeros(3);
            try (var scope = Scope.open()) {
                long before = inUse();
                Tensor first = Tensor.zeros(100);
                Tensor second = Tensor.zeros(200).fill(2);
                Tensor third = Tensor.zeros(300).fill(3);
                scope.release(first);
                scope.release(first);
                scope.release(others);
                assertThatThrownBy(first::buffer).isInstanceOf(ScopeException.class);
                assertThat(second.toFloatArray()).containsOnly(2);
                assertThat(third.toFloatArray()).containsOnly(3);
                assertThat(others.toFloatArray()).containsOnly(0);
                scope.release(third);
                scope.release(second);
                assertThat(inUse()).isEqualTo(before);
            }
            assertThat(outer.owns(others)).isTrue();
        }
    }

    @Test
    void aDetachedScopeOwnsWhatItRunsAndOutlivesTheStack() {
        Scope model = Scope.detached(Device.cpu());
        Tensor weight;
        Tensor adopted;
        try (var _ = Scope.open()) {
            weight = model.run(() -> Tensor.ones(3));
            adopted = model.adopt(Tensor.ones(2));
        }
        try (var _ = Scope.open()) {
            assertThat(weight.toFloatArray()).containsOnly(1);
            assertThat(adopted.toFloatArray()).containsOnly(1);
            model.close();
            assertThatThrownBy(weight::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(adopted::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(() -> model.adopt(Tensor.ones(1))).isInstanceOf(ScopeException.class).hasMessageContaining("closed");
            assertThatThrownBy(() -> model.run(() -> Tensor.ones(1))).isInstanceOf(ScopeException.class).hasMessageContaining("closed");
        }
    }

    @Test
    void runGivesTheStackBackWhenTheCodeFails() {
        Scope model = Scope.detached(Device.cpu());
        try (var scope = Scope.open()) {
            assertThatThrownBy(() -> model.run(() -> {
                throw new IllegalArgumentException("wrong");
            })).hasMessage("wrong");
            assertThat(Scope.current()).isSameAs(scope);
        }
        model.close();
    }

    @Test
    void anotherThreadHasAStackOfItsOwnAndCannotCloseThisOne() throws InterruptedException {
        try (var scope = Scope.open()) {
            var current = new AtomicReference<Throwable>();
            var close = new AtomicReference<Throwable>();
            Thread thread = Thread.ofPlatform().start(() -> {
                current.set(failure(Scope::current));
                close.set(failure(scope::close));
            });
            thread.join();
            assertThat(current.get()).isInstanceOf(ScopeException.class).hasMessageContaining("no scope is open");
            assertThat(close.get()).isInstanceOf(ScopeException.class).hasMessageContaining("another thread");
            assertThat(Tensor.ones(2).toFloatArray()).containsOnly(1);
        }
    }

    private static Throwable failure(Runnable code) {
        try {
            code.run();
            return null;
        } catch (RuntimeException e) {
            return e;
        }
    }

    @Test
    void aSteadyLoopUsesAndReservesNoMoreAfterAThousandSteps() {
        long used = 0;
        long reserved = 0;
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.normal(1, 2, 17, 31).requireGradient();
            for (int step = 1; step <= 1000; step++) {
                try (var _ = Scope.open()) {
                    Tensor.normal(step, 3, 13, 17).matmul(weight).sum().backward();
                }
                weight.zeroGradient();
                if (step == 10) {
                    used = inUse();
                    reserved = Device.cpu().memoryUsage().reserved();
                }
            }
            assertThat(inUse()).isEqualTo(used);
            assertThat(Device.cpu().memoryUsage().reserved()).isEqualTo(reserved);
        }
    }
}
