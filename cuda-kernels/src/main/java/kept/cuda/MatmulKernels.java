package kept.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.backend.TensorMemory;
import kept.cuda.cublas.DataType;
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
        return (x.size(-1) == 1 || x.stride(-1) == 1) && (x.size(-2) == 1 || x.stride(-2) >= x.size(-1)) && x.stride(-2) <= Integer.MAX_VALUE;
    }

    /** An axis of the batch: its extent and the strides of a, b and c along it, in elements. */
    private record Axis(long count, long a, long b, long c) {
        /** Merges this axis with the next inner one; null if the strides do not allow it. */
        Axis with(Axis inner) {
            if (count == 1) {
                return inner;
            }
            boolean contiguous = inner.count == 1 || a == inner.count * inner.a && b == inner.count * inner.b && c == inner.count * inner.c;
            return !contiguous ? null : inner.count == 1 ? this : new Axis(count * inner.count, inner.a, inner.b, inner.c);
        }
    }

    private void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        long m = out.size(-2);
        List<Axis> axes = axes(a, b, out);
        // A batch axis along which B is broadcast and the rows of A and C are contiguous is folded into the rows of one larger product.
        while (!axes.isEmpty() && foldsIntoRows(axes.getLast(), m, a, out)) {
            m *= axes.removeLast().count;
        }
        Axis batch = axes.isEmpty() ? new Axis(1, 0, 0, 0) : axes.removeLast();
        multiply(a, b, out, Math.toIntExact(m), axes, batch, new long[3], accumulate ? 1 : 0);
    }

    /** Returns the batch axes, outermost first, with adjacent axes merged where their strides allow it. */
    private static List<Axis> axes(Tensor a, Tensor b, Tensor out) {
        int rank = out.rank() - 2;
        long[] batch = Arrays.copyOf(out.shape().toArray(), rank);
        long[] ofA = batchStrides(a, batch);
        long[] ofB = batchStrides(b, batch);
        List<Axis> axes = new ArrayList<>();
        for (int axis = 0; axis < rank; axis++) {
            Axis next = new Axis(batch[axis], ofA[axis], ofB[axis], out.stride(axis));
            Axis joined = axes.isEmpty() ? null : axes.getLast().with(next);
            if (joined == null) {
                axes.add(next);
            } else {
                axes.set(axes.size() - 1, joined);
            }
        }
        return axes;
    }

    private static long[] batchStrides(Tensor operand, long... batch) {
        int own = operand.rank() - 2;
        Tensor first = TensorMemory.view(operand,
                Shape.of(Arrays.copyOf(operand.shape().toArray(), own)), Arrays.copyOf(operand.strides(), own), operand.offset());
        return TensorMemory.expandedStrides(first, Shape.of(batch), "matmul");
    }

    private static boolean foldsIntoRows(Axis axis, long m, Tensor a, Tensor out) {
        return axis.count == 1 || axis.b == 0 && axis.a == m * a.stride(-2) && axis.c == m * out.stride(-2) && a.stride(-1) == 1
                && a.stride(-2) >= a.size(-1) && m * axis.count <= Integer.MAX_VALUE;
    }

    /** Calls cuBLAS once for each index of the outer axes; the innermost axis is its batch. */
    private void multiply(Tensor a, Tensor b, Tensor out, int m, List<Axis> outer, Axis batch, long[] shift, float beta) {
        if (outer.isEmpty()) {
            int n = Math.toIntExact(out.size(-1));
            int k = Math.toIntExact(a.size(-1));
            gpu.blas().gemm(gpu.blasHandle(), n, m, k, 1, matrix(b, shift[1], k, n, batch.b), matrix(a, shift[0], m, k, batch.a), beta,
                    matrix(out, shift[2], m, n, batch.c), Math.toIntExact(batch.count));
            return;
        }
        Axis first = outer.getFirst();
        for (long i = 0; i < first.count; i++) {
            long[] shifted = {shift[0] + i * first.a, shift[1] + i * first.b, shift[2] + i * first.c};
            multiply(a, b, out, m, outer.subList(1, outer.size()), batch, shifted, beta);
        }
    }

    /** Describes a matrix for cuBLAS as {@code columns x rows}: not transposed if it is row-major here, else transposed. */
    private static Matrix matrix(Tensor x, long shift, long rows, long columns, long stride) {
        boolean rowMajor = (columns == 1 || x.stride(-1) == 1) && (rows == 1 || x.stride(-2) >= columns);
        long leading = rowMajor ? rows == 1 ? columns : x.stride(-2) : x.size(-1) == 1 ? rows : x.stride(-1);
        return new Matrix(Gpu.address(x) + shift * x.dtype().bytes(), dataType(x.dtype()), Math.toIntExact(Math.max(1, leading)), stride, !rowMajor);
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
