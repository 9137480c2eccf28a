package kept.autograd.operation;

import kept.autograd.FactoredLogits;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Computes the logits of some rows at a time in the same memory, which belongs to the scope that is current when this is created. */
final class LogitChunks {
    private final FactoredLogits factors;
    private final Tensor hiddenRows;
    private final Tensor buffer;

    /**
     * Allocates the memory.
     *
     * @param factors hidden states and head
     * @param hiddenRows as of {@link RowChunks#hidden}
     * @param mostRows the most rows of a chunk
     */
    LogitChunks(FactoredLogits factors, Tensor hiddenRows, long mostRows) {
        this.factors = factors;
        this.hiddenRows = hiddenRows;
        buffer = Tensor.empty(DType.F32, Shape.of(mostRows, factors.vocabulary()));
    }

    /** The logits of some rows, {@code [count, vocabulary]}, F32, until the next call. The caller may overwrite them. */
    Tensor compute(long first, long count) {
        Tensor logits = Rows.range(buffer, 0, count);
        logits.backend().matmul(Rows.range(hiddenRows, first, count), Operands.transposed(factors.head()), logits, false);
        return logits;
    }
}
