package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProductsTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void matricesVectorsAndBatches() {
        Tensor a = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor b = Tensor.of(new float[] {1, 0, 2, 1, 0, 3}, 3, 2);
        assertThat(a.matmul(b).toFloatArray()).containsExactly(5, 11, 14, 23);
        assertThat(a.matmul(a.transpose(0, 1)).toFloatArray()).containsExactly(14, 32, 32, 77);
        assertThat(a.linear(a).toFloatArray()).containsExactly(14, 32, 32, 77);
        Tensor v = Tensor.of(new float[] {1, -1, 1});
        assertThat(v.matmul(v).shape()).isEqualTo(Shape.of());
        assertThat(v.matmul(v).item()).isEqualTo(3);
        assertThat(a.matmul(v).toFloatArray()).containsExactly(2, 5);
        assertThat(v.matmul(b).toFloatArray()).containsExactly(-1, 2);
        assertThat(v.linear(a).toFloatArray()).containsExactly(2, 5);
        Tensor batch = Tensor.stack(0, a, a.mul(10));
        assertThat(batch.matmul(b).shape()).isEqualTo(Shape.of(2, 2, 2));
        assertThat(batch.matmul(b).toFloatArray()).containsExactly(5, 11, 14, 23, 50, 110, 140, 230);
        assertThat(batch.matmul(b.unsqueeze(0)).toFloatArray()).containsExactly(5, 11, 14, 23, 50, 110, 140, 230);
        assertThat(batch.transpose(0, 1).matmul(b).toFloatArray()).containsExactly(5, 11, 50, 110, 14, 23, 140, 230);
    }

    @Test
    void anEmptyInnerDimensionGivesZeros() {
        assertThat(Tensor.zeros(2, 0).matmul(Tensor.zeros(0, 2)).toFloatArray()).containsExactly(0, 0, 0, 0);
        assertThat(Tensor.zeros(0, 2).matmul(Tensor.zeros(2, 3)).shape()).isEqualTo(Shape.of(0, 3));
    }

    @Test
    void operandsThatDoNotFitAreNamed() {
        assertThatThrownBy(() -> Tensor.ones(8, 256, 64).matmul(Tensor.ones(128, 32)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[matmul] inner dimensions differ: [8, 256, 64] x [128, 32]");
        assertThatThrownBy(() -> Tensor.ones(2, 3).linear(Tensor.ones(3, 2)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[linear] inner dimensions differ: [2, 3] x [3, 2] transposed");
        assertThatThrownBy(() -> Tensor.ones(2, 3, 4).matmul(Tensor.ones(5, 4, 2)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[matmul] shapes do not broadcast: [2] and [5]");
        assertThatThrownBy(() -> Tensor.ones(2, 3).matmul(Tensor.zeros()))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[matmul] needs matrices: [2, 3] x []");
        assertThatThrownBy(() -> Tensor.ones(2, 2).matmul(Tensor.of(new int[] {1, 2, 3, 4}, 2, 2)))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[matmul] needs a floating operand, not i32; cast it first");
    }
}
