package kept.backend.cpu;

import kept.backend.BatchedProduct;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Batches of matrix products with broadcasting, computed by {@link Gemm}. */
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
        DType sum = a.dtype().arithmetic();
        if (out.dtype() != sum) {
            try (var _ = Scope.open(out.device())) {
                Tensor sums = Tensor.empty(sum, out.shape());
                matmul(a, b, sums, false);
                CopyKernel.copy(sums, out);
            }
            return;
        }
        BatchedProduct batch = BatchedProduct.of(a, b, out, false);
        int n = Math.toIntExact(out.size(-1));
        int k = Math.toIntExact(a.size(-1));
        if (sum == DType.F64) {
            DoubleLoops.multiply(a, b, out, batch, accumulate);
            return;
        }
        Gemm.multiplyBatch(batch.rows(), n, k, batched(a, batch, BatchedProduct.A), batched(b, batch, BatchedProduct.B),
                batched(out, batch, BatchedProduct.C), accumulate);
    }

    private static Gemm.Batch batched(Tensor tensor, BatchedProduct batch, int operand) {
        return new Gemm.Batch(matrix(tensor), batch.shifts(operand));
    }

    private static Matrix matrix(Tensor tensor) {
        return new Matrix(Elements.segment(tensor), tensor.dtype(), tensor.offset(), tensor.stride(-2), tensor.stride(-1));
    }
}
