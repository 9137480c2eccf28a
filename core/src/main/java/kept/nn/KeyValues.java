package kept.nn;

import java.util.Optional;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The key-value cache of one attention layer, for generation token by token. */
public interface KeyValues {
    /**
     * Appends the keys and values of the next positions.
     *
     * @param keys {@code [batch, sequence, groups, D]}, rotated
     * @param values {@code [batch, sequence, groups, D]}
     * @return all cached keys and values, including these
     */
    Pair extend(Tensor keys, Tensor values);

    /**
     * Appends positions whose keys and values the caller writes, so that they need no copy.
     *
     * @param positions number of positions
     * @param dtype dtype of keys and values
     * @return their places and all cached keys and values; empty if this cache takes only {@linkplain #extend(Tensor, Tensor) tensors}
     */
    default Optional<Extension> extend(long positions, DType dtype) {
        return Optional.empty();
    }

    /**
     * Positions appended to a cache.
     *
     * @param places memory of their keys and values, to be written
     * @param all all cached keys and values, including these
     */
    record Extension(Pair places, Pair all) {}

    /**
     * Keys and values of the same positions.
     *
     * @param keys {@code [batch, positions, groups, D]}, rotated
     * @param values {@code [batch, positions, groups, D]}
     */
    record Pair(Tensor keys, Tensor values) {}
}
