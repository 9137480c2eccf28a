package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReductionsTest {
    private Scope scope;
    private Tensor x;

    @BeforeEach
    void open() {
        scope = Scope.open();
        x = Tensor.of(new float[] {1, 5, 3, 4, 2, 6}, 2, 3);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void alongNamedAxesOrAll() {
        assertThat(x.sum().item()).isEqualTo(21);
        assertThat(x.sum(0).toFloatArray()).containsExactly(5, 7, 9);
        assertThat(x.sum(-1).toFloatArray()).containsExactly(9, 12);
        assertThat(x.sum(true, 1).shape()).isEqualTo(Shape.of(2, 1));
        assertThat(x.sum(true).shape()).isEqualTo(Shape.of(1, 1));
        assertThat(x.mean(1).toFloatArray()).containsExactly(3, 4);
        assertThat(x.variance(0).toFloatArray()).containsExactly(2.25f, 2.25f, 2.25f);
        assertThat(x.max(0).toFloatArray()).containsExactly(4, 5, 6);
        assertThat(x.min().item()).isEqualTo(1);
        assertThat(x.argMax(1).toLongArray()).containsExactly(1, 2);
        assertThat(x.argMax(0).dtype()).isEqualTo(DType.I64);
        assertThat(x.argMax(0).toLongArray()).containsExactly(1, 0, 1);
    }

    @Test
    void integersAreSummedAndComparedExactly() {
        Tensor large = Tensor.of(new long[] {(1L << 53) + 1, 1, -2});
        assertThat(large.sum().toLongArray()).containsExactly(1L << 53);
        assertThat(large.max().toLongArray()).containsExactly((1L << 53) + 1);
        assertThatThrownBy(large::mean).isInstanceOf(DTypeException.class).hasMessage("[mean] needs a floating operand, not i64; cast it first");
    }

    @Test
    void theMeanOfReducedPrecisionDoesNotOverflow() {
        Tensor half = Tensor.full(60_000, DType.F16, Shape.of(100));
        assertThat(half.mean().item()).isEqualTo(half.max().item());
        assertThat(half.mean().dtype()).isEqualTo(DType.F16);
    }

    @Test
    void nothingToReduce() {
        Tensor empty = Tensor.zeros(0, 3);
        assertThat(empty.sum(0).toFloatArray()).containsExactly(0, 0, 0);
        assertThat(empty.mean(0).toFloatArray()).containsExactly(Float.NaN, Float.NaN, Float.NaN);
        assertThat(empty.max(1).shape()).isEqualTo(Shape.of(0));
        assertThatThrownBy(() -> empty.max(0))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[max] no elements along the reduced axes of [0, 3]");
        assertThatThrownBy(() -> empty.argMax(0))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[argMax] no elements along axis 0 of [0, 3]");
        assertThatThrownBy(() -> empty.logSumExp())
                .isInstanceOf(ShapeException.class)
                .hasMessage("[logSumExp] no elements along the reduced axes of [0, 3]");
    }

    /** More results than the operand's memory has elements. */
    @Test
    void manyResultsOfNoElements() {
        for (DType dtype : DType.values()) {
            Tensor empty = Tensor.full(0, dtype, Shape.of(0, 1000));
            assertThat(empty.sum(0).toDoubleArray()).as("sum of %s", dtype).hasSize(1000).containsOnly(0);
            assertThat(empty.any(0).toBooleanArray()).as("any of %s", dtype).hasSize(1000).containsOnly(false);
            assertThat(empty.all(0).toBooleanArray()).as("all of %s", dtype).hasSize(1000).containsOnly(true);
            assertThat(empty.prod(0).toDoubleArray()).as("prod of %s", dtype).hasSize(1000).containsOnly(1);
            if (dtype.isFloating()) {
                assertThat(empty.variance(0).toDoubleArray()).as("variance of %s", dtype).hasSize(1000).containsOnly(Double.NaN);
                Tensor row = Tensor.full(3, dtype, Shape.of(1000)).requireGradient();
                empty.mul(row).sum().backward();
                assertThat(row.gradient().toDoubleArray()).as("gradient of a broadcast row of %s", dtype).hasSize(1000).containsOnly(0);
            }
        }
    }

    @Test
    void softmaxOfLargeNumbersDoesNotOverflow() {
        Tensor large = Tensor.of(new float[] {1000, 1000, 0, -1000}, 2, 2);
        assertThat(large.softmax(1).toFloatArray()).containsExactly(0.5f, 0.5f, 1, 0);
        assertThat(large.softmax(0).toFloatArray()).containsExactly(1, 1, 0, 0);
        assertThat(large.logSoftmax(1).toFloatArray()[3]).isEqualTo(-1000);
        assertThat(large.logSumExp(1).toFloatArray()).containsExactly(1000 + (float) Math.log(2), 0);
    }

    @Test
    void axesThatAreNotThereAreNamed() {
        assertThatThrownBy(() -> x.sum(2)).isInstanceOf(ShapeException.class).hasMessage("[sum] no axis 2 in [2, 3]");
        assertThatThrownBy(() -> x.max(-3)).isInstanceOf(ShapeException.class).hasMessage("[max] no axis -3 in [2, 3]");
        assertThatThrownBy(() -> x.min(1, -1)).isInstanceOf(ShapeException.class).hasMessage("[min] axis -1 of [2, 3] is named twice");
        assertThatThrownBy(() -> x.softmax(5)).isInstanceOf(ShapeException.class).hasMessage("[softmax] no axis 5 in [2, 3]");
    }
}
