package kept.autograd.operation;

import kept.backend.Binary;
import kept.backend.Reduction;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Prepares operands as the dense rows that fused kernels need. Not recorded by autograd. */
final class Rows {
    private Rows() {}

    /** The elements as a contiguous matrix {@code [n, width]}, where width is the innermost extent. */
    static Tensor matrix(Tensor x) {
        long width = x.size(-1);
        return Operands.reshaped(Operands.rows(x), Shape.of(width == 0 ? 0 : x.elementCount() / width, width));
    }

    /** Some rows of a tensor, along its outermost axis. */
    static Tensor range(Tensor x, long first, long count) {
        return Operands.sliced(x, 0, first, count, 1);
    }

    /** The tensor itself if its innermost axis has unit stride, otherwise a contiguous copy. */
    static Tensor unitStride(Tensor x) {
        return x.stride(-1) == 1 ? x : Operands.rows(x);
    }

    /** The sum of a dense F32 vector divided by a count, a scalar. */
    static Tensor mean(Tensor vector, long count) {
        Tensor mean = Tensor.empty(DType.F32, Shape.of());
        mean.backend().reduce(Reduction.SUM, vector, mean);
        mean.backend().binary(Binary.DIVIDE, mean, Tensor.scalar(count, DType.F32), mean);
        return mean;
    }

    /** Checks a norm's operands: x, the weight and, for some norms, the bias. */
    static void checkNorm(String operation, DType dtype, Tensor... inputs) {
        Tensor x = inputs[0];
        checkResult(operation, dtype, x);
        Arguments.usable(operation, inputs);
        checkVector(operation, "weight", inputs[1], x);
        if (inputs.length > 2) {
            checkVector(operation, "bias", inputs[2], x);
        }
    }

    /** Checks a result's dtype: it must be the operand's, or BF16 for an F32 operand. */
    private static void checkResult(String operation, DType dtype, Tensor x) {
        Operands.checkFloating(operation, x);
        if (dtype != x.dtype() && (dtype != DType.BF16 || x.dtype() != DType.F32)) {
            throw new DTypeException("[%s] a result of dtype %s from %s is not supported (only bf16 from f32); cast the result"
                    .formatted(operation, dtype.label(), x.dtype().label()));
        }
    }

    /** Checks that a floating vector matches the innermost axis of a tensor. */
    private static void checkVector(String operation, String name, Tensor vector, Tensor x) {
        Operands.checkFloating(operation, vector);
        if (x.rank() == 0 || vector.rank() != 1 || vector.size(0) != x.size(-1)) {
            throw new ShapeException("[%s] %s %s does not fit the innermost axis of %s".formatted(operation, name, vector.shape(), x.shape()));
        }
    }
}
