package kept.backend.cpu;

import java.util.ArrayList;
import java.util.List;
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

    /**
     * {@code outs[i] = x weights[i]^T} in one kernel, for a few rows.
     *
     * @param x {@code [n, k]}
     * @param weights for each product {@code [width, k]}
     * @param outs for each product {@code [n, width]}
     * @return whether it has been done; not for many rows, and other types or strides than those of layers with weights of one type
     */
    static boolean linearOfEach(Tensor x, List<Tensor> weights, List<Tensor> outs) {
        int rows = Math.toIntExact(x.size(0));
        int k = Math.toIntExact(x.size(1));
        if (rows == 0 || k == 0) {
            return false;
        }
        List<MatrixVector.Part> parts = new ArrayList<>();
        for (int i = 0; i < outs.size(); i++) {
            Tensor weight = weights.get(i);
            Matrix b = matrix(weight).transposed();
            if (b.rowStride() != 1 || !MatrixVector.handles(rows, b) || weight.dtype() != weights.getFirst().dtype()
                    || outs.get(i).dtype() != DType.F32) {
                return false;
            }
            parts.add(new MatrixVector.Part(Math.toIntExact(weight.size(0)), b, matrix(outs.get(i))));
        }
        MatrixVector.multiplyEach(rows, k, matrix(x), parts);
        return true;
    }

    private static Gemm.Batch batched(Tensor tensor, BatchedProduct batch, int operand) {
        return new Gemm.Batch(matrix(tensor), batch.shifts(operand));
    }

    /**
     * The last two axes of a tensor.
     *
     * @param tensor at least a matrix, floating
     * @return the layout of its first matrix
     */
    static Matrix matrix(Tensor tensor) {
        return new Matrix(Elements.segment(tensor), tensor.dtype(), tensor.offset(), tensor.stride(-2), tensor.stride(-1));
    }
}
