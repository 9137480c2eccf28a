package kept.backend.cpu;

import java.util.Arrays;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Batches of matrix products, with broadcasting, out of the products of {@link Gemm}. */
final class MatmulKernel {
    private MatmulKernel() {}

    /**
     * {@code out = a b}, or {@code out += a b}.
     *
     * @param a {@code [batch..., m, k]}
     * @param b {@code [batch..., k, n]}
     * @param out {@code [batch..., m, n]}
     * @param accumulate whether to add to out
     */
    static void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        if (out.elementCount() == 0) {
            return;
        }
        if (out.dtype() != DType.F32) {
            try (var _ = Scope.open(out.device())) {
                Tensor sums = Tensor.empty(DType.F32, out.shape());
                matmul(a, b, sums, false);
                CopyKernel.copy(sums, out);
            }
            return;
        }
        int m = Math.toIntExact(out.size(-2));
        int n = Math.toIntExact(out.size(-1));
        int k = Math.toIntExact(a.size(-1));
        int axes = out.rank() - 2;
        long[] batch = Arrays.copyOf(out.shape().toArray(), axes);
        long[] aStrides = batchStrides(a, batch);
        long[] bStrides = batchStrides(b, batch);
        long[] cStrides = Arrays.copyOf(out.strides(), axes);
        // Where the products of an axis share B and their rows follow each other, they are one product of more rows.
        while (axes > 0 && (batch[axes - 1] == 1 || bStrides[axes - 1] == 0
                && aStrides[axes - 1] == m * a.stride(-2) && cStrides[axes - 1] == m * out.stride(-2) && m * batch[axes - 1] <= Integer.MAX_VALUE)) {
            m *= (int) batch[--axes];
        }
        int products = 1;
        for (int axis = 0; axis < axes; axis++) {
            products = Math.multiplyExact(products, Math.toIntExact(batch[axis]));
        }
        Gemm.multiplyBatch(m, n, k, matrix(a), shifts(products, batch, aStrides, axes), matrix(b), shifts(products, batch, bStrides, axes),
                matrix(out), shifts(products, batch, cStrides, axes), accumulate);
    }

    private static Matrix matrix(Tensor tensor) {
        return new Matrix(Elements.segment(tensor), tensor.dtype(), tensor.offset(), tensor.stride(-2), tensor.stride(-1));
    }

    private static long[] batchStrides(Tensor operand, long[] batch) {
        int own = operand.rank() - 2;
        Tensor first = TensorMemory.view(operand,
                Shape.of(Arrays.copyOf(operand.shape().toArray(), own)), Arrays.copyOf(operand.strides(), own), operand.offset());
        return TensorMemory.expandedStrides(first, Shape.of(batch), "matmul");
    }

    /** How far each product's operand lies from the first's. */
    private static long[] shifts(int products, long[] batch, long[] strides, int axes) {
        long[] shifts = new long[products];
        for (int product = 0; product < products; product++) {
            long rest = product;
            for (int axis = axes - 1; axis >= 0; axis--) {
                shifts[product] += rest % batch[axis] * strides[axis];
                rest /= batch[axis];
            }
        }
        return shifts;
    }
}
