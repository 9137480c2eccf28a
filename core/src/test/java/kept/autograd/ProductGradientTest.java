package kept.autograd;

import static kept.autograd.GradientCheck.check;
import static org.assertj.core.api.Assertions.assertThat;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class ProductGradientTest {
    @Test
    void matricesWithBatchesThatBroadcast() {
        int[][][] shapes = {
            {{3, 5}, {5, 7}}, {{1, 1}, {1, 1}}, {{13, 1}, {1, 9}}, {{2, 3, 5}, {2, 5, 4}}, {{2, 3, 5}, {5, 4}}, {{3, 5}, {2, 5, 4}},
            {{2, 1, 3, 5}, {3, 5, 2}}, {{2, 3, 4, 5}, {5, 3}}, {{1, 3, 5}, {2, 5, 4}}, {{2, 3, 5}, {1, 5, 4}}
        };
        for (int[][] pair : shapes) {
            check(in -> in[0].matmul(in[1]), in -> product(in[0], in[1]), Reference.normal(21, pair[0]), Reference.normal(22, pair[1]));
        }
    }

    @Test
    void transposedOperands() {
        check(
                in -> in[0].transpose(0, 1).matmul(in[1].transpose(-1, -2)),
                in -> product(in[0].permute(1, 0), in[1].permute(0, 2, 1)),
                Reference.normal(23, 5, 3),
                Reference.normal(24, 2, 7, 5));
    }

    @Test
    void vectors() {
        Reference vector = Reference.normal(25, 5);
        check(in -> in[0].matmul(in[1]), in -> product(in[0].reshape(1, 5), in[1].reshape(5, 1)).reshape(), vector, Reference.normal(26, 5));
        check(in -> in[0].matmul(in[1]), in -> product(in[0].reshape(1, 5), in[1]).reshape(3), vector, Reference.normal(27, 5, 3));
        check(in -> in[0].matmul(in[1]), in -> product(in[0].reshape(1, 5), in[1]).reshape(2, 3), vector, Reference.normal(27, 2, 5, 3));
        check(in -> in[0].matmul(in[1]), in -> product(in[0], in[1].reshape(5, 1)).reshape(2, 3), Reference.normal(28, 2, 3, 5), vector);
    }

    @Test
    void aMatrixTimesItself() {
        check(in -> in[0].matmul(in[0]), in -> product(in[0], in[0]), Reference.normal(29, 5, 5));
        check(in -> in[0].exp().matmul(in[0].transpose(0, 1)), in -> product(in[0].map(Math::exp), in[0].permute(1, 0)), Reference.normal(29, 3, 5));
        check(
                in -> {
                    Tensor y = in[0].mul(2);
                    return y.matmul(y).add(y);
                },
                in -> product(in[0], in[0]).zip(in[0], (a, b) -> 4 * a + 2 * b),
                Reference.normal(29, 5, 5));
    }

    @Test
    void gradientsOfReducedPrecisionAreF32() {
        try (var _ = Scope.open()) {
            Tensor a = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2).cast(DType.BF16).requireGradient();
            Tensor b = Tensor.of(new float[] {0.5f, -1, 2, 0.25f}, 2, 2).requireGradient();
            Tensor product = a.matmul(b);
            assertThat(product.dtype()).isEqualTo(DType.F32);
            assertThat(product.toFloatArray()).containsExactly(4.5f, -0.5f, 9.5f, -2);
            product.sum().backward();
            assertThat(a.gradient().dtype()).isEqualTo(DType.F32);
            assertThat(a.gradient().toFloatArray()).containsExactly(-0.5f, 2.25f, -0.5f, 2.25f);
            assertThat(b.gradient().toFloatArray()).containsExactly(4, 4, 6, 6);
            assertThat(a.matmul(a).dtype()).isEqualTo(DType.BF16);
        }
    }

    /** The product of the last two axes, batches broadcast. */
    private static Reference product(Reference a, Reference b) {
        int inner = a.shape()[a.shape().length - 1];
        Reference result = null;
        for (int k = 0; k < inner; k++) {
            Reference term = column(a, k).zip(row(b, k), (x, y) -> x * y);
            result = result == null ? term : result.zip(term, Double::sum);
        }
        return result;
    }

    private static Reference column(Reference a, int k) {
        int[] shape = a.shape().clone();
        shape[shape.length - 1] = 1;
        return Reference.generate(shape, index -> at(a, index, index.length - 1, k));
    }

    private static Reference row(Reference b, int k) {
        int[] shape = b.shape().clone();
        shape[shape.length - 2] = 1;
        return Reference.generate(shape, index -> at(b, index, index.length - 2, k));
    }

    private static double at(Reference x, int[] index, int axis, int k) {
        int[] changed = index.clone();
        changed[axis] = k;
        return x.at(changed);
    }
}
