package kept.autograd;

import kept.autograd.operation.Operands;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * Logits as the two factors they are the product of, {@code logits = hidden head^T}: what the losses over a large vocabulary take, so that the
 * product is only ever made for some rows at a time.
 *
 * @param hidden {@code [..., width]}, floating
 * @param head {@code [vocabulary, width]}, floating
 */
public record FactoredLogits(Tensor hidden, Tensor head) {
    /**
     * Checks that the factors fit.
     *
     * @throws ShapeException if they do not
     * @throws kept.tensor.DTypeException if one is of an integer type
     */
    public FactoredLogits {
        Arguments.usable("logits", hidden, head);
        Operands.checkFloating("logits", hidden);
        Operands.checkFloating("logits", head);
        if (hidden.rank() == 0 || head.rank() != 2 || hidden.size(-1) != head.size(1)) {
            throw new ShapeException("[logits] hidden states %s and head %s do not fit: they must be [..., width] and [vocabulary, width]"
                    .formatted(hidden.shape(), head.shape()));
        }
        if (hidden.elementCount() == 0 || head.size(0) == 0) {
            throw new ShapeException("[logits] nothing to score: hidden states %s, head %s".formatted(hidden.shape(), head.shape()));
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
     * How many rows a chunk has unless the caller says otherwise: as many F32 logits as the device {@linkplain kept.backend.Backend#chunkBytes()
     * likes to make at a time}.
     *
     * @return from 64 to 2048
     */
    public long defaultChunkRows() {
        return Math.clamp(hidden.backend().chunkBytes() / DType.F32.bytes() / vocabulary(), 64, 2048);
    }
}
