package kept.autograd.operation;

import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Attention in which each query reads all keys: a composition of tensors' operations, which keeps the scores; computed in F32. */
public final class FullAttention {
    private FullAttention() {}

    /**
     * Lets each query read all keys.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, of q's dtype, with at least one key and a number of groups that divides the heads
     * @param v k's shape and dtype
     * @param scale what scores are multiplied by
     * @return a contiguous tensor of q's shape and dtype
     * @throws ShapeException if the shapes do not fit each other
     * @throws kept.tensor.DTypeException if the operands are integers or of different dtypes
     * @throws kept.tensor.TensorException if the scale is not finite
     */
    public static Tensor apply(Tensor q, Tensor k, Tensor v, double scale) {
        Arguments.usable("attention", q, k, v);
        CausalAttention.checkTypes(q, k, v);
        Arguments.finite("attention", "the scale", scale);
        if (!CausalAttention.fit(q, k, v) || k.size(1) == 0) {
            throw new ShapeException("[attention] needs q [batch, queries, heads, D] and k, v [batch, keys, groups, D] with groups dividing heads,"
                    + " not %s, %s, %s".formatted(q.shape(), k.shape(), v.shape()));
        }
        long groups = k.size(2);
        // [batch, groups, heads of a group, queries, D], and keys and values that all heads of a group share.
        Tensor queries = q.cast(DType.F32).reshape(q.size(0), q.size(1), groups, q.size(2) / groups, q.size(3)).permute(0, 2, 3, 1, 4);
        Tensor keys = k.cast(DType.F32).permute(0, 2, 3, 1).unsqueeze(2);
        Tensor values = v.cast(DType.F32).permute(0, 2, 1, 3).unsqueeze(2);
        Tensor read = queries.matmul(keys).mul(scale).softmax(-1).matmul(values);
        return read.permute(0, 3, 1, 2, 4).reshape(q.shape()).cast(q.dtype()).contiguous();
    }
}
