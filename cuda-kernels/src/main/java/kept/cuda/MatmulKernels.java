package kept.cuda;

import kept.backend.BatchedProduct;
import kept.backend.TensorMemory;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Matrix products by cuBLAS. Its matrices are column-major, so that a row-major C is C^T to it; it computes {@code C^T = B^T A^T}. A matrix with
 * unit stride along rows or along columns is used in place; any other is copied first.
 *
 * <p>cuBLAS requires operands of one type. Of mixed operands one is converted: with BF16, an F32 operand is rounded to BF16 so that tensor cores
 * compute the product; an F16 operand is widened to F32, since its range is too small for values of the other type.
 */
final class MatmulKernels {
    private final Gpu gpu;
    private final CreationKernels creation;

    MatmulKernels(Gpu gpu, CreationKernels creation) {
        this.gpu = gpu;
        this.creation = creation;
    }

    void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        if (out.elementCount() == 0) {
            return;
        }
        if (a.size(-1) == 0) {
            if (!accumulate) {
                creation.fill(out, 0);
            }
            return;
        }
        DType type = common(a.dtype(), b.dtype());
        // Copies of operands are freed in stream order, after the product.
        try (var _ = Scope.open(out.device())) {
            Tensor left = readable(a, type);
            Tensor right = readable(b, type);
            if (out.dtype() == type || out.dtype() == DType.F32) {
                multiply(left, right, out, accumulate);
            } else {
                Tensor sums = Tensor.empty(DType.F32, out.shape());
                multiply(left, right, sums, false);
                creation.copy(sums, out);
            }
        }
    }

    /** Returns the dtype of the product of an F32 operand and one of another dtype. */
    static DType productType(DType other) {
        return other == DType.BF16 ? DType.BF16 : DType.F32;
    }

    /** Returns the dtype that both operands are converted to. */
    private static DType common(DType a, DType b) {
        if (a == b) {
            return a;
        }
        return productType(a == DType.F32 ? b : a);
    }

    /** Returns the operand in a dtype, with unit stride along one matrix axis and without overlap along the other; copies it if necessary. */
    private Tensor readable(Tensor x, DType type) {
        if (x.dtype() == type && (isRowMajor(x) || isRowMajor(transposed(x)))) {
            return x;
        }
        if (!isRowMajor(x) && isRowMajor(transposed(x))) {
            // The copy keeps the operand's memory order, so that both are accessed contiguously.
            return transposed(copy(transposed(x), type));
        }
        return copy(x, type);
    }

    /** Returns a contiguous copy; broadcast axes of the batch stay broadcast. */
    private Tensor copy(Tensor x, DType type) {
        long[] shape = x.shape().toArray();
        long[] once = shape.clone();
        for (int axis = 0; axis < shape.length - 2; axis++) {
            once[axis] = x.stride(axis) == 0 ? 1 : shape[axis];
        }
        Tensor dense = Tensor.empty(type, Shape.of(once));
        creation.copy(TensorMemory.view(x, Shape.of(once), x.strides(), x.offset()), dense);
        return TensorMemory.view(dense, x.shape(), TensorMemory.expandedStrides(dense, x.shape(), "matmul"), dense.offset());
    }

    private static Tensor transposed(Tensor x) {
        long[] shape = x.shape().toArray();
        long[] strides = x.strides();
        swapLast(shape);
        swapLast(strides);
        return TensorMemory.view(x, Shape.of(shape), strides, x.offset());
    }

    private static void swapLast(long[] values) {
        int last = values.length - 1;
        long value = values[last];
        values[last] = values[last - 1];
        values[last - 1] = value;
    }

    /** Returns whether the last axis has unit stride and rows do not overlap; strides of axes of extent 1 are ignored. */
    private static boolean isRowMajor(Tensor x) {
        return (x.size(-1) == 1 || x.stride(-1) == 1) && (x.size(-2) == 1 || x.stride(-2) >= x.size(-1)) && x.stride(-2) <= Extents.MOST;
    }

    private void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        BatchedProduct batch = BatchedProduct.of(a, b, out, true);
        multiply(a, b, out, batch, batch.axes().rank() - 1, new long[3], accumulate ? 1 : 0);
    }

    /** Calls cuBLAS once for each index of the outer axes, from the given one inwards; the innermost axis is its batch. */
    private void multiply(Tensor a, Tensor b, Tensor out, BatchedProduct batch, int axis, long[] shift, float beta) {
        if (axis <= 0) {
            int m = batch.rows();
            int n = extent("columns", out.size(-1));
            int k = extent("inner dimension", a.size(-1));
            long[] strides = axis < 0 ? new long[3] : batch.axes().strides()[0];
            int count = axis < 0 ? 1 : extent("batch", batch.axes().extents()[0]);
            gpu.blas().gemm(gpu.blasHandle(), new Gemm(n, m, k, 1, matrix(b, shift[BatchedProduct.B], k, n, strides[BatchedProduct.B]),
                    matrix(a, shift[BatchedProduct.A], m, k, strides[BatchedProduct.A]), beta,
                    matrix(out, shift[BatchedProduct.C], m, n, strides[BatchedProduct.C]), count));
            return;
        }
        long[] strides = batch.axes().strides()[axis];
        for (long i = 0; i < batch.axes().extents()[axis]; i++) {
            long[] shifted = new long[3];
            for (int operand = 0; operand < 3; operand++) {
                shifted[operand] = shift[operand] + i * strides[operand];
            }
            multiply(a, b, out, batch, axis - 1, shifted, beta);
        }
    }

    /** Describes a matrix for cuBLAS as {@code columns x rows}: not transposed if it is row-major here, else transposed. */
    private static Matrix matrix(Tensor x, long shift, long rows, long columns, long stride) {
        boolean rowMajor = (columns == 1 || x.stride(-1) == 1) && (rows == 1 || x.stride(-2) >= columns);
        long leading = rowMajor ? rows == 1 ? columns : x.stride(-2) : x.size(-1) == 1 ? rows : x.stride(-1);
        return new Matrix(Gpu.address(x) + shift * x.dtype().bytes(), dataType(x.dtype()), extent("stride", Math.max(1, leading)), stride, !rowMajor);
    }

    private static int extent(String what, long extent) {
        return Extents.of("matmul", what, extent);
    }

    private static DataType dataType(DType dtype) {
        return switch (dtype) {
            case F32 -> DataType.F32;
            case BF16 -> DataType.BF16;
            case F16 -> DataType.F16;
            default -> throw new IllegalArgumentException("[matmul] not supported for dtype " + dtype.label());
        };
    }
}
