package kept.cuda;

import kept.tensor.Tensor;

/**
 * The sizes of causal grouped-query attention.
 *
 * @param batch sequences
 * @param queries tokens that ask
 * @param keys tokens that are asked
 * @param heads query heads
 * @param groups key and value heads
 * @param width elements of a head's vector
 */
record AttentionShape(int batch, int queries, int keys, int heads, int groups, int width) {
    /**
     * The sizes of tensors.
     *
     * @param q {@code [batch, queries, heads, width]}
     * @param k {@code [batch, keys, groups, width]}
     * @return their sizes
     */
    static AttentionShape of(Tensor q, Tensor k) {
        return new AttentionShape(Math.toIntExact(q.size(0)), Math.toIntExact(q.size(1)), Math.toIntExact(k.size(1)), Math.toIntExact(q.size(2)),
                Math.toIntExact(k.size(2)), Math.toIntExact(q.size(3)));
    }

    /** Queries of all heads and sequences. */
    long rows() {
        return (long) batch * queries * heads;
    }

    /** The address and the strides of queries, keys and values, which begin every kernel's arguments. */
    static Launch operands(Launch launch, Tensor q, Tensor k, Tensor v) {
        for (Tensor tensor : new Tensor[] {q, k, v}) {
            launch.pointer(tensor).longs(tensor.stride(0), tensor.stride(1), tensor.stride(2));
        }
        return launch;
    }

    /** The sizes as arguments, without the width. */
    Launch sizes(Launch launch) {
        return launch.i32(queries).i32(keys).i32(heads).i32(groups);
    }
}
