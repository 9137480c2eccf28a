package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * The layout of the vectors of attention heads: {@code [batch, token, head, width]} with unit stride along the width.
 *
 * @param data native memory
 * @param type a floating type; f32 where kernels write
 * @param offset the index of the first element, counted in elements
 * @param batchStride the distance between sequences in elements
 * @param tokenStride the distance between tokens in elements
 * @param headStride the distance between heads in elements
 */
record Heads(MemorySegment data, DType type, long offset, long batchStride, long tokenStride, long headStride) {
    /**
     * The heads of a tensor.
     *
     * @param x {@code [batch, tokens, heads, width]}, floating, unit stride along the width
     * @return their layout
     */
    static Heads of(Tensor x) {
        return new Heads(Elements.segment(x), x.dtype(), x.offset(), x.stride(0), x.stride(1), x.stride(2));
    }

    /**
     * The vectors of one head of one sequence, starting at a token.
     *
     * @param batch the sequence
     * @param token the first token
     * @param head the head
     * @return a matrix with a row for each token
     */
    Matrix matrix(int batch, int token, int head) {
        return new Matrix(data, type, offset + batch * batchStride + token * tokenStride + head * headStride, tokenStride, 1);
    }
}
