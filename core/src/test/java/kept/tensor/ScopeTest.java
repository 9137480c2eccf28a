package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

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
    void releaseFreesOneTensorEarly() {
        try (var scope = Scope.open()) {
            Tensor first = Tensor.ones(1000);
            Tensor second = Tensor.ones(1000);
            long before = inUse();
            scope.release(first);
            scope.release(first);
            assertThat(inUse()).isLessThan(before);
            assertThat(second.sum().item()).isEqualTo(1000);
        }
    }

    @Test
    void aDetachedScopeLivesUntilItIsClosed() {
        long before = inUse();
        Scope model = Scope.detached(Device.cpu());
        Tensor weight = model.run(() -> Tensor.ones(3));
        try (var _ = Scope.open()) {
            Tensor moved = Tensor.ones(2);
            model.adopt(moved);
            assertThat(model.owns(moved)).isTrue();
            weight.add(1);
        }
        assertThat(weight.toFloatArray()).containsExactly(1, 1, 1);
        model.close();
        model.close();
        assertThat(inUse()).isEqualTo(before);
        assertThatThrownBy(() -> model.run(() -> null)).isInstanceOf(ScopeException.class).hasMessage("[scope] this scope is closed");
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
}
