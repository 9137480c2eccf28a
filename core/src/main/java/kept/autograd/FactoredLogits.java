package kept.autograd;

import kept.autograd.operation.Operands;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * Logits as a product that is not computed yet, {@code logits = hidden head^T}. Losses over a large vocabulary take this form and compute the product
 * for a chunk of rows at a time.
 *
 * @param hidden {@code [..., width]}, floating
 * @param head {@code [vocabulary, width]}, floating
 */
public record FactoredLogits(Tensor hidden, Tensor head) {
    /**
     * Validates the factors.
     *
     * @throws ShapeException if their shapes do not match, or there are no logits
     * @throws DTypeException if one is of an integer type or F64
     */
    public FactoredLogits {
        Arguments.usable("logits", hidden, head);
        Operands.checkFloating("logits", hidden);
        Operands.checkFloating("logits", head);
        if (hidden.dtype() == DType.F64 || head.dtype() == DType.F64) {
            throw new DTypeException("[logits] are computed in f32, but hidden states are %s and the head is %s; cast them, or use crossEntropy"
                    .formatted(hidden.dtype().label(), head.dtype().label()));
        }
        if (hidden.rank() == 0 || head.rank() != 2 || hidden.size(-1) != head.size(1)) {
            throw new ShapeException("[logits] shapes of hidden states %s and head %s do not match: they must be [..., width] and [vocabulary, width]"
                    .formatted(hidden.shape(), head.shape()));
        }
        if (hidden.elementCount() == 0 || head.size(0) == 0) {
            throw new ShapeException("[logits] there are no logits: hidden states %s, head %s".formatted(hidden.shape(), head.shape()));
        }
    }

    /**
     * The number of rows.
     *
     * @return the product of the hidden states' outer extents
     */
    public long rowCount() {
        return hidden.elementCount() / hidden.size(-1);
    }

    /**
     * The number of logits in a row.
     *
     * @return the vocabulary's size
     */
    public long vocabulary() {
        return head.size(0);
    }

    /**
     * The default number of rows in a chunk, so that its F32 logits take about {@link kept.backend.Backend#chunkBytes()}.
     *
     * @return from 64 to 2048; a multiple of 64 unless the device asks for another number
     */
    public long defaultChunkRows() {
        return hidden.backend().logitRows(rowCount(), vocabulary(), hidden.size(-1));
    }
}
