package kept.autograd;

import kept.autograd.operation.Operands;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * A change of a matrix by a product of two narrow ones, {@code scale b a} (LoRA, Hu and others 2021, arXiv 2106.09685), which is not computed: a
 * linear map adds {@code scale (x a^T) b^T} to its result.
 *
 * @param a {@code [rank, in]}, floating
 * @param b {@code [out, rank]}, floating
 * @param scale the factor, usually alpha / rank
 */
public record LowRankUpdate(Tensor a, Tensor b, double scale) {
    private static final String NAME = "low-rank update";

    /**
     * Validates the factors.
     *
     * @throws ShapeException if their shapes do not match, or the rank is 0
     * @throws DTypeException if one is of an integer type
     * @throws TensorException if one is null, or the scale is not finite
     */
    public LowRankUpdate {
        Arguments.usable(NAME, a, b);
        Operands.checkFloating(NAME, a);
        Operands.checkFloating(NAME, b);
        Arguments.finite(NAME, "the scale", scale);
        if (a.rank() != 2 || b.rank() != 2 || a.size(0) != b.size(1) || a.size(0) == 0) {
            throw new ShapeException("[%s] needs a [rank, in] and b [out, rank], not %s and %s".formatted(NAME, a.shape(), b.shape()));
        }
    }

    /**
     * The shape of a matrix that this changes.
     *
     * @return {@code [out, in]}
     */
    public Shape shape() {
        return Shape.of(b.size(0), a.size(1));
    }
}
