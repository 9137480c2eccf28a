package kept.gguf;

import kept.tensor.Shape;

/**
 * A tensor of a GGUF file: what it is called and stored as there, and what it is made from.
 *
 * @param name its name in the file, as in {@code blk.0.attn_q.weight}
 * @param type how its elements are stored
 * @param shape its extents, as in the checkpoint; the file lists them last first
 * @param source the checkpoint's tensor
 * @param headDimension rows in an attention head whose order changes; 0 where rows stay in order
 */
record GgufTensor(String name, GgufType type, Shape shape, String source, int headDimension) {
    /** The length of a row: the last extent. */
    long columns() {
        return shape.size(shape.rank() - 1);
    }

    long byteSize() {
        return type.byteSize(shape.elementCount());
    }

    /**
     * Which row of the checkpoint's tensor is a row of this one.
     *
     * <p>Hugging Face turns element {@code j} of a head together with element {@code j + d / 2}, llama.cpp with its neighbour: so of each head of
     * queries and keys, rows {@code 2j} and {@code 2j + 1} are the checkpoint's rows {@code j} and {@code j + d / 2}.
     *
     * @param row a row of this tensor
     * @return the row of the source
     */
    long sourceRow(long row) {
        if (headDimension == 0) {
            return row;
        }
        long within = row % headDimension;
        return row - within + within % 2 * (headDimension / 2) + within / 2;
    }
}
