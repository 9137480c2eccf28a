package kept.autograd.operation;

import kept.autograd.FactoredLogits;
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

    /** The hidden states as rows, in the type in which products with the head take them: converted once here, not for each chunk. */
    static Tensor hidden(FactoredLogits logits) {
        Tensor rows = Rows.matrix(logits.hidden());
        DType type = rows.backend().productType(logits.head().dtype());
        return rows.dtype() == DType.F32 && type != DType.F32 ? Operands.copy(type, rows) : rows;
    }

    /** Room for the logits of some rows, {@code [rows, vocabulary]}, F32. */
    static Tensor buffer(FactoredLogits factors, long rows) {
        return Tensor.empty(DType.F32, Shape.of(rows, factors.vocabulary()));
    }

    /** The product for some rows, written into {@code [count, vocabulary]}. */
    static void multiply(FactoredLogits factors, Tensor hiddenRows, long first, Tensor logits) {
        logits.backend().matmul(Rows.range(hiddenRows, first, logits.size(0)), Operands.transposed(factors.head()), logits, false);
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
