package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import kept.backend.TensorMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ViewsTest {
    private Scope scope;
    private Tensor x;

    @BeforeEach
    void open() {
        scope = Scope.open();
        x = Tensor.arange(24).reshape(2, 3, 4);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private boolean isView(Tensor view) {
        return TensorMemory.buffer(view) == TensorMemory.buffer(x);
    }

    @Test
    void reshapeIsAViewWhereStridesAllowIt() {
        assertThat(isView(x.reshape(6, -1))).isTrue();
        assertThat(x.reshape(6, -1).shape()).isEqualTo(Shape.of(6, 4));
        assertThat(isView(x.slice(2, 0, 2).reshape(6, 2))).isTrue();
        assertThat(isView(x.slice(2, 0, 2).reshape(3, 2, 1, 2))).isTrue();
        assertThat(isView(x.transpose(0, 1).reshape(3, 2, 2, 2))).isTrue();
        assertThat(x.transpose(0, 1).reshape(3, 2, 2, 2).select(3, 1).toFloatArray()).containsExactly(1, 3, 13, 15, 5, 7, 17, 19, 9, 11, 21, 23);
        assertThat(isView(x.select(0, 0).expand(5, 3, 4).reshape(5, 12))).isTrue();
        assertThat(isView(x.transpose(0, 1).reshape(6, 4))).isFalse();
        assertThat(x.transpose(0, 1).reshape(6, 4).select(1, 0).toFloatArray()).containsExactly(0, 12, 4, 16, 8, 20);
        assertThat(isView(x.slice(2, 0, 2).flatten())).isFalse();
        assertThat(x.slice(2, 0, 2).flatten().toFloatArray()).containsExactly(0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21);
        assertThat(Tensor.arange(16).reshape(2, 8).slice(1, 0, 6).reshape(3, 4).toFloatArray())
                .containsExactly(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13);
        assertThat(Tensor.zeros(0, 3).reshape(3, 0, 5).shape()).isEqualTo(Shape.of(3, 0, 5));
        assertThat(x.select(0, 0).select(0, 0).select(0, 1).reshape(1, 1).item()).isEqualTo(1);
    }

    @Test
    void axesChangePlacesWithoutACopy() {
        assertThat(isView(x.permute(2, 0, 1))).isTrue();
        assertThat(x.permute(2, 0, 1).shape()).isEqualTo(Shape.of(4, 2, 3));
        assertThat(x.permute(2, 0, 1).select(0, 3).toFloatArray()).containsExactly(3, 7, 11, 15, 19, 23);
        assertThat(x.transpose(0, -1).shape()).isEqualTo(Shape.of(4, 3, 2));
        assertThat(x.transpose(1, 1).toFloatArray()).isEqualTo(x.toFloatArray());
    }

    @Test
    void aViewWithoutElementsMayBeginBeyondTheEndOfItsMemory() {
        Tensor beyond = Tensor.zeros(0, 70).slice(1, 66, 67);
        assertThat(beyond.shape()).isEqualTo(Shape.of(0, 1));
        assertThat(beyond.toFloatArray()).isEmpty();
        assertThat(beyond.toLongArray()).isEmpty();
        beyond.upload(MemorySegment.ofArray(new float[0]));
        assertThat(beyond.sum().item()).isEqualTo(0);
    }

    @Test
    void slicesSeeLaterChanges() {
        Tensor middle = x.slice(1, 1, 2);
        Tensor steps = x.slice(-1, 1, 4, 2);
        assertThat(steps.shape()).isEqualTo(Shape.of(2, 3, 2));
        assertThat(steps.select(0, 0).toFloatArray()).containsExactly(1, 3, 5, 7, 9, 11);
        assertThat(x.slice(0, -1, 2).toFloatArray()).hasSize(12).startsWith(12);
        assertThat(x.slice(0, 1, 1).shape()).isEqualTo(Shape.of(0, 3, 4));
        x.fill(-1);
        assertThat(middle.toFloatArray()).containsOnly(-1);
    }

    @Test
    void splitGivesConsecutiveParts() {
        var parts = x.split(2, 1, 0, 3);
        assertThat(parts).extracting(Tensor::shape).containsExactly(Shape.of(2, 3, 1), Shape.of(2, 3, 0), Shape.of(2, 3, 3));
        assertThat(parts.get(2).select(0, 0).toFloatArray()).containsExactly(1, 2, 3, 5, 6, 7, 9, 10, 11);
    }

    @Test
    void axesOfExtentOne() {
        assertThat(x.unsqueeze(0).shape()).isEqualTo(Shape.of(1, 2, 3, 4));
        assertThat(x.unsqueeze(-1).shape()).isEqualTo(Shape.of(2, 3, 4, 1));
        assertThat(x.unsqueeze(2).squeeze(2).shape()).isEqualTo(x.shape());
        assertThat(isView(x.transpose(0, 2).unsqueeze(1))).isTrue();
        assertThat(x.flatten(0, 1).shape()).isEqualTo(Shape.of(6, 4));
        assertThat(x.flatten(-2, -1).shape()).isEqualTo(Shape.of(2, 12));
    }

    @Test
    void denseCopies() {
        assertThat(x.contiguous()).isSameAs(x);
        assertThat(x.transpose(0, 2).contiguous().isContiguous()).isTrue();
        assertThat(isView(x.copy())).isFalse();
    }

    @Test
    void whatDoesNotFitIsNamed() {
        assertThatThrownBy(() -> x.reshape(5, 5))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[reshape] [2, 3, 4] has 24 elements, which do not fill [5, 5]");
        assertThatThrownBy(() -> x.reshape(7, -1)).hasMessage("[reshape] [2, 3, 4] has 24 elements, which do not fill [7, -1]");
        assertThatThrownBy(() -> x.reshape(-1, -1, 2)).hasMessage("[reshape] only one extent may be -1: [-1, -1, 2]");
        assertThatThrownBy(() -> x.reshape(-2, -12)).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> x.permute(0, 1, 1)).hasMessage("[permute] [0, 1, 1] is not a permutation of the 3 axes of [2, 3, 4]");
        assertThatThrownBy(() -> x.permute(1, 0)).hasMessage("[permute] [1, 0] is not a permutation of the 3 axes of [2, 3, 4]");
        assertThatThrownBy(() -> x.transpose(0, 3)).hasMessage("[transpose] no axis 3 in [2, 3, 4]");
        assertThatThrownBy(() -> x.expand(2, 3, 5)).hasMessage("[expand] [2, 3, 4] does not broadcast to [2, 3, 5]");
        assertThatThrownBy(() -> x.expand(3, 4)).hasMessage("[expand] [2, 3, 4] does not broadcast to [3, 4]");
        assertThatThrownBy(() -> x.slice(1, 2, 4)).hasMessage("[slice] 2 to 4 in steps of 1 does not lie in axis 1 of [2, 3, 4]");
        assertThatThrownBy(() -> x.slice(1, 0, 2, 0)).hasMessage("[slice] 0 to 2 in steps of 0 does not lie in axis 1 of [2, 3, 4]");
        assertThatThrownBy(() -> x.select(1, 3)).hasMessage("[select] no index 3 in axis 1 of [2, 3, 4]");
        assertThatThrownBy(() -> x.squeeze(1)).hasMessage("[squeeze] axis 1 of [2, 3, 4] is not of extent 1");
        assertThatThrownBy(() -> x.unsqueeze(4)).hasMessage("[unsqueeze] no place 4 for a new axis in [2, 3, 4]");
        assertThatThrownBy(() -> x.split(1, 1, 1)).hasMessage("[split] [1, 1] does not add up to axis 1 of [2, 3, 4]");
        assertThatThrownBy(() -> x.flatten(2, 1)).hasMessage("[flatten] axis 2 comes after axis 1 in [2, 3, 4]");
    }
}
