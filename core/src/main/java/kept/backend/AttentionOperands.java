package kept.backend;

import java.util.function.UnaryOperator;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The operands of attention.
 *
 * @param q queries {@code [batch, queries, heads, D]}
 * @param k keys {@code [batch, keys, groups, D]}, keys at least queries; groups divides heads
 * @param v values, of k's shape
 * @param scale the factor applied to scores, usually {@code 1 / sqrt(D)}
 */
public record AttentionOperands(Tensor q, Tensor k, Tensor v, double scale) {
    /**
     * Checks shapes and scale.
     *
     * @throws ShapeException if the shapes do not match
     * @throws kept.tensor.TensorException if the scale is not finite
     */
    public AttentionOperands {
        Arguments.finite("attention", "scale", scale);
        if (!fit(q, k, v) || q.size(1) > k.size(1)) {
            throw new ShapeException(("[attention] needs q [batch, queries, heads, D] and k, v [batch, keys, groups, D] with keys at least queries"
                    + " and groups dividing heads, not %s, %s, %s").formatted(q.shape(), k.shape(), v.shape()));
        }
    }

    /**
     * Applies a function to queries, keys and values.
     *
     * @param function a function that keeps shapes
     * @return its results, with the same scale
     */
    public AttentionOperands map(UnaryOperator<Tensor> function) {
        return new AttentionOperands(function.apply(q), function.apply(k), function.apply(v), scale);
    }

    /**
     * Whether the shapes match, apart from the number of keys.
     *
     * @param q queries
     * @param k keys
     * @param v values
     * @return whether batch, groups and D match and k and v have one shape
     */
    public static boolean fit(Tensor q, Tensor k, Tensor v) {
        return q.rank() == 4 && k.rank() == 4 && k.shape().equals(v.shape()) && q.size(0) == k.size(0) && q.size(3) == k.size(3)
                && k.size(2) > 0 && q.size(2) % k.size(2) == 0;
    }
}
