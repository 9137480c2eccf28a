package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The axes that {@link MergedAxes} and {@link BatchedProduct} leave, and that they still reach every element. */
class BatchedProductTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor tensor(long... shape) {
        return Tensor.empty(DType.F32, Shape.of(shape));
    }

    private static BatchedProduct plan(Tensor a, Tensor b, boolean contiguousRows) {
        long[] batch = Arrays.copyOf(a.shape().toArray(), a.rank());
        batch[a.rank() - 1] = b.size(-1);
        return BatchedProduct.of(a, b, tensor(batch), contiguousRows);
    }

    @Test
    void axesAreMergedWhereEveryOperandIsEvenlySpaced() {
        MergedAxes dense = MergedAxes.of(new long[] {2, 1, 3, 4}, new long[] {12, 7, 4, 1}, new long[] {12, 99, 4, 1});
        assertThat(dense.extents()).containsExactly(24);
        assertThat(dense.strides()).isDeepEqualTo(new long[][] {{1, 1}});
        MergedAxes gap = MergedAxes.of(new long[] {2, 3, 4}, new long[] {12, 4, 1}, new long[] {16, 4, 1});
        assertThat(gap.extents()).containsExactly(12, 2);
        assertThat(gap.strides()).isDeepEqualTo(new long[][] {{1, 1}, {12, 16}});
        MergedAxes broadcast = MergedAxes.of(new long[] {2, 3, 4}, new long[] {12, 4, 1}, new long[] {0, 0, 1});
        assertThat(broadcast.extents()).containsExactly(4, 6);
        assertThat(broadcast.strides()).isDeepEqualTo(new long[][] {{1, 1}, {4, 0}});
        assertThat(MergedAxes.of(new long[] {1, 1}, new long[] {5, 3}).rank()).isZero();
        assertThat(MergedAxes.of(new long[0], new long[0]).rank()).isZero();
    }

    @Test
    void productsThatShareTheRightOperandAreOne() {
        BatchedProduct plan = plan(tensor(2, 3, 5, 7), tensor(7, 4), true);
        assertThat(plan.rows()).isEqualTo(30);
        assertThat(plan.axes().rank()).isZero();
        assertThat(plan.shifts(BatchedProduct.A)).containsExactly(0);
        // Rows of a slice are further apart than its axes: each product stays by itself.
        BatchedProduct sliced = plan(tensor(2, 3, 6, 7).slice(2, 0, 5), tensor(7, 4), true);
        assertThat(sliced.rows()).isEqualTo(5);
        assertThat(sliced.axes().extents()).containsExactly(6);
        // Transposed rows: BLAS cannot join them, a kernel that takes any strides can.
        Tensor columns = tensor(3, 7, 5).transpose(1, 2);
        assertThat(plan(columns, tensor(7, 4), true).rows()).isEqualTo(5);
    }

    @Test
    void shiftsReachTheOperandsOfEveryProduct() {
        Tensor a = tensor(2, 3, 4, 5, 6).transpose(0, 2);
        Tensor b = tensor(3, 1, 6, 2);
        BatchedProduct plan = plan(a, b, false);
        assertThat(plan.rows()).isEqualTo(5);
        long[] ofA = plan.shifts(BatchedProduct.A);
        long[] ofB = plan.shifts(BatchedProduct.B);
        assertThat(ofA).hasSize(24);
        int product = 0;
        // In row-major order of the axes that are left, innermost first.
        for (long[] index : IntStream.range(0, 24).mapToObj(i -> new long[] {i / 6, i / 2 % 3, i % 2}).toList()) {
            assertThat(ofA[product]).isEqualTo(index[0] * a.stride(0) + index[1] * a.stride(1) + index[2] * a.stride(2));
            assertThat(ofB[product]).isEqualTo(index[1] * b.stride(0));
            product++;
        }
    }
}
