package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class IndexingTest {
    private Scope scope;
    private Tensor x;

    @BeforeEach
    void open() {
        scope = Scope.open();
        x = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void elementsChosenByIndex() {
        assertThat(x.gather(1, Tensor.of(new int[] {1, 0, 1}, 3, 1)).toFloatArray()).containsExactly(2, 3, 6);
        assertThat(x.gather(0, Tensor.of(new long[] {2, 0}, 1, 2)).toFloatArray()).containsExactly(5, 2);
        assertThat(x.indexSelect(0, Tensor.of(new int[] {2, 2, 0})).toFloatArray()).containsExactly(5, 6, 5, 6, 1, 2);
        assertThat(x.indexSelect(-1, Tensor.of(new int[] {1})).shape()).isEqualTo(Shape.of(3, 1));
        Tensor rows = x.embedding(Tensor.of(new int[] {2, 0, 1, 1}, 2, 2));
        assertThat(rows.shape()).isEqualTo(Shape.of(2, 2, 2));
        assertThat(rows.toFloatArray()).containsExactly(5, 6, 1, 2, 3, 4, 3, 4);
        assertThat(x.embedding(Tensor.scalar(1, DType.I64)).toFloatArray()).containsExactly(3, 4);
        assertThat(x.cast(DType.BF16).embedding(Tensor.of(new int[] {2})).dtype()).isEqualTo(DType.BF16);
    }

    @Test
    void scatterAddLeavesItsOperandAlone() {
        Tensor sum = x.scatterAdd(0, Tensor.of(new int[] {0, 2, 0, 0}, 2, 2), Tensor.of(new float[] {10, 20, 30, 40}, 2, 2));
        assertThat(sum.toFloatArray()).containsExactly(41, 42, 3, 4, 5, 26);
        assertThat(x.toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6);
        Tensor half = x.cast(DType.BF16);
        assertThat(half.scatterAdd(0, Tensor.of(new int[] {1}, 1, 1), Tensor.ones(1, 1).cast(DType.BF16)).dtype()).isEqualTo(DType.BF16);
        Tensor counts = Tensor.full(0, DType.I64, Shape.of(3));
        assertThat(counts.scatterAdd(0, Tensor.of(new int[] {1, 1, 2}), Tensor.full(1, DType.I64, Shape.of(3))).toLongArray())
                .containsExactly(0, 2, 1);
    }

    @Test
    void tensorsSideBySide() {
        assertThat(Tensor.concat(0, x, x.mul(10)).toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60);
        assertThat(Tensor.concat(-1, x, x.neg()).toFloatArray()).containsExactly(1, 2, -1, -2, 3, 4, -3, -4, 5, 6, -5, -6);
        assertThat(Tensor.concat(0, x, Tensor.zeros(0, 2)).shape()).isEqualTo(Shape.of(3, 2));
        assertThat(Tensor.stack(0, x, x).shape()).isEqualTo(Shape.of(2, 3, 2));
        assertThat(Tensor.stack(-1, x, x.neg()).toFloatArray()).containsExactly(1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6);
        assertThat(Tensor.concat(0, x.cast(DType.BF16), x).dtype()).isEqualTo(DType.F32);
        assertThat(Tensor.stack(0, Tensor.scalar(1, DType.I32), Tensor.scalar(2, DType.I32)).toLongArray()).containsExactly(1, 2);
    }

    @Test
    void whatDoesNotFitIsNamed() {
        assertThatThrownBy(() -> x.gather(0, Tensor.ones(1, 2)))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[gather] indices must be i32 or i64, not f32");
        assertThatThrownBy(() -> x.gather(0, Tensor.of(new int[] {0, 0, 0}, 1, 3)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[gather] index [1, 3] does not fit [3, 2] along the axes other than 0");
        assertThatThrownBy(() -> x.gather(0, Tensor.of(new int[] {3, 0}, 1, 2))).isInstanceOf(ShapeException.class).hasMessageContaining("3");
        assertThatThrownBy(() -> x.embedding(Tensor.of(new int[] {-1}))).isInstanceOf(ShapeException.class).hasMessageContaining("-1");
        assertThatThrownBy(() -> x.flatten().embedding(Tensor.of(new int[] {0})))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[embedding] the table must be [vocabulary, width], not [6]");
        assertThatThrownBy(() -> x.scatterAdd(0, Tensor.of(new int[] {0}, 1, 1), Tensor.ones(1, 2)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[scatterAdd] index [1, 1] and source [1, 2] differ");
        assertThatThrownBy(() -> x.indexSelect(0, Tensor.of(new int[] {0}, 1, 1)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[indexSelect] the index must have one axis, not [1, 1]");
        assertThatThrownBy(() -> Tensor.concat(0, x, Tensor.ones(3, 3)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[concat] [3, 2] and [3, 3] differ along other axes than 0");
        assertThatThrownBy(() -> Tensor.concat(0)).isInstanceOf(ShapeException.class).hasMessage("[concat] needs at least one tensor");
        assertThatThrownBy(() -> Tensor.stack(0, x, Tensor.ones(2))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> Tensor.concat(0, x, Tensor.of(new int[] {1, 2}, 1, 2))).isInstanceOf(DTypeException.class);
    }
}
