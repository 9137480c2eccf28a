package kept.autograd.operation;

import kept.autograd.FactoredLogits;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Iterates over rows in chunks of equal size (the last may be shorter), and prepares hidden states and labels. */
final class RowChunks {
    private RowChunks() {}

    /** Processes rows {@code first} to {@code first + count - 1}. */
    @FunctionalInterface
    interface Body {
        void accept(long first, long count);
    }

    static void forEach(long rows, long chunkRows, Body body) {
        for (long first = 0; first < rows; first += chunkRows) {
            body.accept(first, Math.min(chunkRows, rows - first));
        }
    }

    /** The hidden states as rows in the dtype of products with the head, converted once and not for each chunk. */
    static Tensor hidden(FactoredLogits logits) {
        Tensor rows = Rows.matrix(logits.hidden());
        DType type = rows.backend().productType(logits.head().dtype());
        return rows.dtype() == DType.F32 && type != DType.F32 ? Operands.copy(type, rows) : rows;
    }

    /** Checks a chunk size. */
    static long check(String operation, long chunkRows) {
        if (chunkRows < 1) {
            throw new ShapeException("[%s] a chunk needs at least one row, not %d".formatted(operation, chunkRows));
        }
        return chunkRows;
    }

    /** Checks that there is one integer label per row. */
    static void checkLabels(String operation, Tensor labels, FactoredLogits logits) {
        if (!labels.dtype().isIndex()) {
            throw new DTypeException("[%s] labels must be i32 or i64, not %s".formatted(operation, labels.dtype().label()));
        }
        long rows = logits.rowCount();
        if (labels.elementCount() != rows) {
            throw new ShapeException("[%s] labels %s do not match the rows of %s".formatted(operation, labels.shape(), logits.hidden().shape()));
        }
    }

    /** The labels as a dense I64 vector. */
    static Tensor labels(String operation, Tensor labels, FactoredLogits logits) {
        checkLabels(operation, labels, logits);
        Tensor dense = labels;
        if (labels.dtype() != DType.I64 || !labels.isContiguous()) {
            dense = Tensor.empty(DType.I64, labels.shape());
            dense.backend().copy(labels, dense);
        }
        return Operands.reshaped(dense, Shape.of(logits.rowCount()));
    }
}
