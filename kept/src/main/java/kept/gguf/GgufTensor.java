package kept.gguf;

import kept.tensor.Shape;

/**
 * A tensor of a GGUF file, and the checkpoint tensor it is made from.
 *
 * @param name its name in the file, as in {@code blk.0.attn_q.weight}
 * @param type the type of its stored elements
 * @param shape its shape, as in the checkpoint; the file lists dimensions in reverse order
 * @param source the checkpoint's tensor
 * @param headDimension the number of rows per attention head if rows are permuted; 0 if not
 */
record GgufTensor(String name, GgufType type, Shape shape, String source, int headDimension) {
    /** The length of a row: the last dimension. */
    long columns() {
        return shape.size(shape.rank() - 1);
    }

    long byteSize() {
        return type.byteSize(shape.elementCount());
    }

    /**
     * Returns the row of the checkpoint's tensor that becomes a row of this one.
     *
     * <p>In rotary embeddings, Hugging Face pairs element {@code j} of a head with element {@code j + d / 2}, llama.cpp with its neighbour. Therefore
     * rows {@code 2j} and {@code 2j + 1} of each head of queries and keys are the checkpoint's rows {@code j} and {@code j + d / 2}.
     *
     * @param row a row of this tensor
     * @return the row of the source tensor
     */
    long sourceRow(long row) {
        if (headDimension == 0) {
            return row;
        }
        long within = row % headDimension;
        return row - within + within % 2 * (headDimension / 2) + within / 2;
    }
}
