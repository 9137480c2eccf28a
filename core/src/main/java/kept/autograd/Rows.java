package kept.autograd;

import kept.backend.Binary;
import kept.backend.Reduction;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** How fused operations arrange operands as the dense rows that kernels take; not recorded. */
final class Rows {
    private Rows() {}

    /** The tensor itself if it is contiguous, else a contiguous copy of its dtype. */
    static Tensor contiguous(Tensor x) {
        if (x.isContiguous()) {
            return x;
        }
        Tensor copy = Tensor.empty(x.dtype(), x.shape());
        copy.backend().copy(x, copy);
        return copy;
    }

    /** The tensor itself if its innermost axis has unit stride, else a contiguous copy. */
    static Tensor unitStride(Tensor x) {
        return x.stride(-1) == 1 ? x : contiguous(x);
    }

    /** The elements as a contiguous matrix {@code [n, width]}, width being the innermost extent. */
    static Tensor matrix(Tensor x) {
        Tensor dense = contiguous(x);
        long width = x.size(-1);
        long rows = width == 0 ? 0 : x.elementCount() / width;
        return view(dense, Shape.of(rows, width));
    }

    /** A contiguous tensor under another shape of as many elements. */
    static Tensor view(Tensor dense, Shape shape) {
        return dense.alias(shape, shape.contiguousStrides(), dense.offset());
    }

    /** Some rows of a contiguous tensor. */
    static Tensor range(Tensor dense, long first, long count) {
        Shape shape = dense.shape().with(0, count);
        return dense.alias(shape, dense.strides(), dense.offset() + first * dense.stride(0));
    }

    /** A matrix with its axes exchanged. */
    static Tensor transposed(Tensor matrix) {
        return matrix.alias(Shape.of(matrix.size(1), matrix.size(0)), new long[] {matrix.stride(1), matrix.stride(0)}, matrix.offset());
    }

    /** An F32 tensor with arbitrary contents. */
    static Tensor gradientFor(Tensor operand) {
        return Tensor.empty(DType.F32, operand.shape());
    }

    /** The sum of a dense F32 vector divided by a count, as a scalar. */
    static Tensor mean(Tensor vector, long count) {
        Tensor mean = Tensor.empty(DType.F32, Shape.of());
        mean.backend().reduce(Reduction.SUM, vector, mean);
        mean.backend().binary(Binary.DIVIDE, mean, Tensor.scalar(count, DType.F32), mean);
        return mean;
    }

    /** Checks that a vector fits the innermost axis of a tensor. */
    static void checkVector(String operation, String name, Tensor vector, Tensor x) {
        if (x.rank() == 0 || vector.rank() != 1 || vector.size(0) != x.size(-1)) {
            throw new ShapeException("[%s] %s %s does not fit the innermost axis of %s".formatted(operation, name, vector.shape(), x.shape()));
        }
    }

    /** Checks that two tensors have one shape. */
    static void checkSame(String operation, Tensor a, Tensor b) {
        if (!a.shape().equals(b.shape())) {
            throw new ShapeException("[%s] shapes differ: %s and %s".formatted(operation, a.shape(), b.shape()));
        }
    }
}
