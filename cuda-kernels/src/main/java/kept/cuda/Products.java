package kept.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Matrix;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Matrix products, by cuBLAS, whose matrices are column-major: to it a row-major C is C^T, so it is asked for {@code C^T = B^T A^T}. A matrix with
 * unit stride along rows or along columns is used as it lies; any other is copied first.
 *
 * <p>cuBLAS takes operands of one type. Where they differ, one is converted: an F32 operand beside a BF16 one is rounded to BF16, so that the tensor
 * cores take the product; an F16 one is widened, since its exponent is too small for what meets it.
 */
final class Products {
    private final Gpu gpu;
    private final CreationKernels creation;

    Products(Gpu gpu, CreationKernels creation) {
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
        // What is copied here is freed in the stream's order, after the product.
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

    /** The type in which an F32 operand meets another. */
    static DType productType(DType other) {
        return other == DType.BF16 ? DType.BF16 : DType.F32;
    }

    /** The type in which two operands meet. */
    private static DType common(DType a, DType b) {
        if (a == b) {
            return a;
        }
        return productType(a == DType.F32 ? b : a);
    }

    /** The operand in a type, its matrices with unit stride along one axis and no overlap along the other. */
    private Tensor readable(Tensor x, DType type) {
        if (x.dtype() == type && (isRowMajor(x) || isRowMajor(transposed(x)))) {
            return x;
        }
        if (!isRowMajor(x) && isRowMajor(transposed(x))) {
            // The copy lies as the operand does, so that both sides are walked along memory.
            return transposed(copy(transposed(x), type));
        }
        return copy(x, type);
    }

    /** A dense copy; axes of a batch that share one matrix share it still. */
    private Tensor copy(Tensor x, DType type) {
        long[] shape = x.shape().toArray();
        long[] once = shape.clone();
        for (int axis = 0; axis < shape.length - 2; axis++) {
            once[axis] = x.stride(axis) == 0 ? 1 : shape[axis];
        }
        Tensor dense = Tensor.empty(type, Shape.of(once));
        creation.copy(x.alias(Shape.of(once), x.strides(), x.offset()), dense);
        return dense.alias(x.shape(), dense.expandedStrides(x.shape(), "matmul"), dense.offset());
    }

    private static Tensor transposed(Tensor x) {
        long[] shape = x.shape().toArray();
        long[] strides = x.strides();
        swapLast(shape);
        swapLast(strides);
        return x.alias(Shape.of(shape), strides, x.offset());
    }

    private static void swapLast(long[] values) {
        int last = values.length - 1;
        long value = values[last];
        values[last] = values[last - 1];
        values[last - 1] = value;
    }

    /** Whether the last axis has unit stride and rows do not overlap; strides of axes of extent 1 do not matter. */
    private static boolean isRowMajor(Tensor x) {
        return (x.size(-1) == 1 || x.stride(-1) == 1) && (x.size(-2) == 1 || x.stride(-2) >= x.size(-1)) && x.stride(-2) <= Integer.MAX_VALUE;
    }

    /** An axis of the batch: how many products, and how far the operands and results of neighbours lie apart. */
    private record Axis(long count, long a, long b, long c) {
        /** This axis and the next inner one as one, or null where memory does not allow it. */
        Axis with(Axis inner) {
            if (count == 1) {
                return inner;
            }
            boolean even = inner.count == 1 || a == inner.count * inner.a && b == inner.count * inner.b && c == inner.count * inner.c;
            return !even ? null : inner.count == 1 ? this : new Axis(count * inner.count, inner.a, inner.b, inner.c);
        }
    }

    private void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        long m = out.size(-2);
        List<Axis> axes = axes(a, b, out);
        // Where the products of an axis share B and their rows follow each other, they are one product of more rows.
        while (!axes.isEmpty() && isMoreRows(axes.getLast(), m, a, out)) {
            m *= axes.removeLast().count;
        }
        Axis batch = axes.isEmpty() ? new Axis(1, 0, 0, 0) : axes.removeLast();
        multiply(a, b, out, Math.toIntExact(m), axes, batch, new long[3], accumulate ? 1 : 0);
    }

    /** The axes of the batch from the outermost, neighbours joined where memory allows it. */
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
        Tensor first = operand.alias(
                Shape.of(Arrays.copyOf(operand.shape().toArray(), own)), Arrays.copyOf(operand.strides(), own), operand.offset());
        return first.expandedStrides(Shape.of(batch), "matmul");
    }

    private static boolean isMoreRows(Axis axis, long m, Tensor a, Tensor out) {
        return axis.count == 1 || axis.b == 0 && axis.a == m * a.stride(-2) && axis.c == m * out.stride(-2) && a.stride(-1) == 1
                && a.stride(-2) >= a.size(-1) && m * axis.count <= Integer.MAX_VALUE;
    }

    /** One call for each index of the outer axes; the innermost is cuBLAS's batch. */
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

    /** The matrix as cuBLAS sees it, {@code columns x rows}: as it lies if it is row-major here, else transposed. */
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
            default -> throw new IllegalArgumentException("[matmul] no products of " + dtype.label());
        };
    }
}
