package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import kept.backend.TensorMemory;
import org.junit.jupiter.api.Test;

/** How long tensors live: with views, early releases, failures, other threads and many steps. */
class ScopeTest {
    private static long inUse() {
        return Device.cpu().memoryUsage().inUse();
    }

    @Test
    void closingFreesWhatWasMadeInside() {
        long before = inUse();
        Tensor escaped;
        try (var _ = Scope.open()) {
            escaped = Tensor.ones(1000).add(1);
            assertThat(inUse()).isGreaterThanOrEqualTo(before + 8000);
        }
        assertThat(inUse()).isEqualTo(before);
        assertThatThrownBy(escaped::toFloatArray).isInstanceOf(ScopeException.class).hasMessageStartingWith("[tensor] used after its scope closed");
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
    void aTensorAndItsViewsEndWithTheirScope() {
        Tensor x;
        Tensor view;
        try (var _ = Scope.open()) {
            x = Tensor.of(new float[] {1, 2, 3});
            view = TensorMemory.view(x, Shape.of(2), new long[] {1}, 1);
            assertThat(view.toFloatArray()).containsExactly(2, 3);
        }
        try (var _ = Scope.open()) {
            assertThatThrownBy(x::toFloatArray).isInstanceOf(ScopeException.class).hasMessageContainingAll("used after its scope closed", "keep");
            assertThatThrownBy(view::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(() -> x.fill(1)).isInstanceOf(ScopeException.class);
        }
    }

    @Test
    void aKeptTensorBelongsToTheEnclosingScope() {
        long before = inUse();
        try (var outer = Scope.open()) {
            Tensor kept;
            try (var inner = Scope.open()) {
                Tensor sum = Tensor.ones(5, 4).sum(0);
                kept = inner.keep(sum.reshape(2, 2));
                assertThat(outer.owns(sum)).as("a view keeps what it views").isTrue();
            }
            assertThat(kept.toFloatArray()).containsExactly(5, 5, 5, 5);
        }
        assertThat(inUse()).isEqualTo(before);
    }

    @Test
    void keepLeavesTensorsOfOtherScopesAlone() {
        try (var outer = Scope.open()) {
            Tensor mine = Tensor.ones(1);
            try (var inner = Scope.open()) {
                inner.keep(mine);
            }
            assertThat(outer.owns(mine)).isTrue();
        }
        try (var outermost = Scope.open()) {
            Tensor mine = Tensor.ones(1);
            assertThatThrownBy(() -> outermost.keep(mine)).isInstanceOf(ScopeException.class).hasMessageContaining("outermost");
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
        long before = inUse();
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
            model.close();
            assertThat(inUse()).isEqualTo(before);
            assertThatThrownBy(weight::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(adopted::toFloatArray).isInstanceOf(ScopeException.class);
            assertThatThrownBy(() -> model.adopt(Tensor.ones(1))).isInstanceOf(ScopeException.class).hasMessageContaining("closed");
            assertThatThrownBy(() -> model.run(() -> Tensor.ones(1))).isInstanceOf(ScopeException.class).hasMessageContaining("closed");
        }
    }

    @Test
    void aTensorThatIsNotTakenOverStaysWithItsOwner() {
        long before = inUse();
        Scope closed = Scope.detached(Device.cpu());
        closed.close();
        try (var outer = Scope.open()) {
            try (var scope = Scope.open()) {
                Tensor first = Tensor.ones(3);
                Tensor second = Tensor.zeros(100);
                assertThatThrownBy(() -> closed.adopt(first)).isInstanceOf(ScopeException.class).hasMessageContaining("closed");
                assertThat(scope.owns(first)).isTrue();
                scope.release(first);
                assertThatThrownBy(() -> outer.adopt(first)).isInstanceOf(ScopeException.class).hasMessageStartingWith("[tensor] used after");
                assertThatThrownBy(() -> scope.keep(first)).isInstanceOf(ScopeException.class).hasMessageStartingWith("[tensor] used after");
                assertThat(second.toFloatArray()).containsOnly(0);
            }
        }
        assertThat(inUse()).isEqualTo(before);
    }

    @Test
    void aDetachedScopeMayBeClosedByTheCodeItRuns() {
        Scope model = Scope.detached(Device.cpu());
        try (var scope = Scope.open()) {
            model.run(() -> {
                Tensor.ones(2);
                model.close();
                return null;
            });
            assertThat(Scope.current()).isSameAs(scope);
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
    void scopesCloseInOrder() {
        var outer = Scope.open();
        var inner = Scope.open();
        assertThatThrownBy(outer::close).isInstanceOf(ScopeException.class).hasMessageContaining("out of order");
        inner.close();
        outer.close();
        assertThatThrownBy(() -> Tensor.ones(1)).isInstanceOf(ScopeException.class).hasMessageStartingWith("[scope] no scope is open");
    }

    @Test
    void aFailureInsideFreesAllTheSame() {
        long before = inUse();
        assertThatThrownBy(() -> {
            try (var _ = Scope.open()) {
                Tensor.ones(100).add(Tensor.ones(3));
            }
        }).isInstanceOf(ShapeException.class);
        assertThat(inUse()).isEqualTo(before);
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

    @Test
    void oneThreadAtATimeRunsInADetachedScope() throws InterruptedException {
        var detached = Scope.detached(Device.cpu());
        var inside = new AtomicInteger();
        var wrong = new AtomicInteger();
        var threads = new ArrayList<Thread>();
        for (int t = 0; t < 4; t++) {
            threads.add(Thread.ofPlatform().start(() -> {
                try (var own = Scope.open()) {
                    for (int round = 0; round < 100_000; round++) {
                        failure(() -> detached.run(() -> {
                            boolean alone = inside.incrementAndGet() == 1;
                            wrong.addAndGet(alone && Scope.current() == detached ? 0 : 1);
                            return inside.decrementAndGet();
                        }));
                        wrong.addAndGet(Scope.current() == own ? 0 : 1);
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(wrong).hasValue(0);
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
