package kept.autograd;

import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Walks over rows in chunks of equal size, the last one shorter; and arranges labels for it. */
final class RowChunks {
    private RowChunks() {}

    /** What is done for rows {@code first} to {@code first + count - 1}. */
    @FunctionalInterface
    interface Body {
        void accept(long first, long count);
    }

    static void forEach(long rows, long chunkRows, Body body) {
        for (long first = 0; first < rows; first += chunkRows) {
            body.accept(first, Math.min(chunkRows, rows - first));
        }
    }

    /** Checks a chunk size that a caller gave. */
    static long check(String operation, long chunkRows) {
        if (chunkRows < 1) {
            throw new ShapeException("[%s] a chunk needs at least one row, not %d".formatted(operation, chunkRows));
        }
        return chunkRows;
    }

    /** Checks that there is one label for each row, as an integer. */
    static void checkLabels(String operation, Tensor labels, FactoredLogits logits) {
        if (labels.dtype().isFloating()) {
            throw new DTypeException("[%s] labels must be i32 or i64, not %s".formatted(operation, labels.dtype().label()));
        }
        long rows = logits.rowCount();
        if (labels.elementCount() != rows) {
            throw new ShapeException("[%s] %s labels for the rows of %s".formatted(operation, labels.shape(), logits.hidden().shape()));
        }
    }

    /** One label for each row as a dense I64 vector. */
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
