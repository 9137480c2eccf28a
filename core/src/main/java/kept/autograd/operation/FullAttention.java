package kept.autograd.operation;

import kept.backend.AttentionOperands;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Attention of each query to all keys: a composition in F32 or F64, which saves the scores for the backward pass. */
public final class FullAttention {
    private FullAttention() {}

    /**
     * Computes attention of each query to all keys.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, of q's dtype, with at least one key, where groups divides heads
     * @param v same shape and dtype as k
     * @param scale the factor applied to scores
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not match
     * @throws kept.tensor.DTypeException if the operands are integers or of different dtypes
     * @throws kept.tensor.TensorException if the scale is not finite
     */
    public static Tensor apply(Tensor q, Tensor k, Tensor v, double scale) {
        Arguments.usable("attention", q, k, v);
        CausalAttention.checkTypes(q, k, v);
        Arguments.finite("attention", "the scale", scale);
        if (!AttentionOperands.fit(q, k, v) || k.size(1) == 0) {
            throw new ShapeException("[attention] needs q [batch, queries, heads, D] and k, v [batch, keys, groups, D] with groups dividing heads,"
                    + " not %s, %s, %s".formatted(q.shape(), k.shape(), v.shape()));
        }
        long groups = k.size(2);
        // Queries [batch, groups, heads per group, queries, D]; keys and values broadcast over the heads of a group.
        Tensor queries = q.cast(q.dtype().arithmetic()).reshape(q.size(0), q.size(1), groups, q.size(2) / groups, q.size(3)).permute(0, 2, 3, 1, 4);
        Tensor keys = k.cast(q.dtype().arithmetic()).permute(0, 2, 3, 1).unsqueeze(2);
        Tensor values = v.cast(q.dtype().arithmetic()).permute(0, 2, 1, 3).unsqueeze(2);
        Tensor read = queries.matmul(keys).mul(scale).softmax(-1).matmul(values);
        return read.permute(0, 3, 1, 2, 4).reshape(q.shape()).cast(q.dtype()).contiguous();
    }
}
