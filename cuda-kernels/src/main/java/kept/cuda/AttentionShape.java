package kept.cuda;

import kept.backend.AttentionOperands;
import kept.tensor.Tensor;

/**
 * Sizes of causal grouped-query attention.
 *
 * @param batch number of sequences
 * @param queries query positions per sequence
 * @param keys key positions per sequence
 * @param heads number of query heads
 * @param keyValueHeads number of key and value heads
 * @param width head dimension
 */
record AttentionShape(int batch, int queries, int keys, int heads, int keyValueHeads, int width) {
    /**
     * Takes the sizes from tensors.
     *
     * @param operands queries, keys and values
     * @return sizes
     */
    static AttentionShape of(AttentionOperands operands) {
        Tensor q = operands.q();
        Tensor k = operands.k();
        return new AttentionShape(extent("batch", q.size(0)), extent("number of queries", q.size(1)), extent("number of keys", k.size(1)),
                extent("number of heads", q.size(2)), extent("number of heads", k.size(2)), extent("head dimension", q.size(3)));
    }

    private static int extent(String what, long extent) {
        return Extents.of("attention", what, extent);
    }

    /** Number of query vectors: batch times positions times heads. */
    long rows() {
        return (long) batch * queries * heads;
    }

    /** Adds the addresses and strides of queries, keys and values, the first arguments of every attention kernel. */
    static Launch operands(Launch launch, AttentionOperands operands) {
        for (Tensor tensor : new Tensor[] {operands.q(), operands.k(), operands.v()}) {
            launch.pointer(tensor).longs(tensor.stride(0), tensor.stride(1), tensor.stride(2));
        }
        return launch;
    }

    /** Adds the sizes as arguments, without the head dimension. */
    Launch sizes(Launch launch) {
        return launch.i32(queries).i32(keys).i32(heads).i32(keyValueHeads);
    }
}
