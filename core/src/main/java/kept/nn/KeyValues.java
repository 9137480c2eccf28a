package kept.nn;

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
     * Keys and values of the same positions.
     *
     * @param keys {@code [batch, positions, groups, D]}, rotated
     * @param values {@code [batch, positions, groups, D]}
     */
    record Pair(Tensor keys, Tensor values) {}
}
