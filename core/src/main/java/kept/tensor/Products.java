package kept.tensor;

import kept.autograd.Autograd;
import kept.autograd.operation.MatMul;
import kept.tensor.internal.Arguments;

/** Matrix products of {@link Tensor}s. */
public sealed interface Products permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The matrix product {@code this other}, of the matrices in the last two axes. Axes before them are batches, which broadcast; an operand of one
     * axis is a row on the left and a column on the right. A transposed view costs no copy. Sums are f32, or f64 for F64.
     *
     * @param other {@code [batch..., k, n]} for this {@code [batch..., m, k]}
     * @return {@code [batch..., m, n]}, of the common dtype
     * @throws ShapeException if the inner dimensions differ or the batches do not broadcast
     * @throws DTypeException if an operand is of an integer type
     */
    default Tensor matmul(Tensor other) {
        Tensor x = self();
        Arguments.usable("matmul", x, other);
        if (x.rank() == 1) {
            checkInner(x, other, other.rank() < 2 ? 0 : -2);
            return x.unsqueeze(0).matmul(other).squeeze(other.rank() == 1 ? 0 : -2);
        }
        if (other.rank() == 1) {
            checkInner(x, other, 0);
            return x.matmul(other.unsqueeze(1)).squeeze(-1);
        }
        return Autograd.apply(new MatMul(false), x, other);
    }

    /**
     * The product with a transposed matrix, {@code this weight^T}, as in a linear layer. Like {@code matmul(weight.transpose(0, 1))}, but the
     * weight's gradient is added in place.
     *
     * @param weight {@code [out, in]} for this {@code [batch..., in]}; batches before its two axes broadcast
     * @return {@code [batch..., out]}, of the common dtype
     * @throws ShapeException if the inner dimensions differ or the batches do not broadcast
     * @throws DTypeException if an operand is of an integer type
     */
    default Tensor linear(Tensor weight) {
        Tensor x = self();
        Arguments.usable("linear", x, weight);
        return x.rank() == 1 ? x.unsqueeze(0).linear(weight).squeeze(-2) : Autograd.apply(new MatMul(true), x, weight);
    }

    /**
     * The affine map {@code this weight^T + bias}: the values and gradients of the product and of the sum, without a tensor between them.
     *
     * @param weight {@code [out, in]} for this {@code [batch..., in]}
     * @param bias {@code [out]}
     * @return {@code [batch..., out]}, of the common dtype
     * @throws ShapeException if the operands do not fit each other
     * @throws DTypeException if an operand is of an integer type
     */
    default Tensor linear(Tensor weight, Tensor bias) {
        Tensor x = self();
        Arguments.usable("linear", x, weight, bias);
        return x.rank() == 1 ? x.unsqueeze(0).linear(weight, bias).squeeze(-2) : MatMul.linear(x, weight, bias);
    }

    /**
     * The outer product of two vectors: each element of this times each of the other.
     *
     * @param other {@code [n]} for this {@code [m]}
     * @return {@code [m, n]}, of the common dtype
     * @throws ShapeException if an operand is not a vector
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor outer(Tensor other) {
        Arguments.usable("outer", self(), other);
        if (self().rank() != 1 || other.rank() != 1) {
            throw new ShapeException("[outer] needs two vectors, not %s and %s".formatted(self().shape(), other.shape()));
        }
        return self().unsqueeze(1).mul(other);
    }

    /** Checks the inner dimensions of a product, with the caller's shapes in the message. */
    private static void checkInner(Tensor x, Tensor other, int inner) {
        if (x.rank() == 0 || other.rank() == 0 || x.size(-1) != other.size(inner)) {
            throw new ShapeException("[matmul] inner dimensions differ: %s x %s".formatted(x.shape(), other.shape()));
        }
    }
}
