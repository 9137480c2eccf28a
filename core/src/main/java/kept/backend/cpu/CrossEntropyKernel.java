package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Cross-entropy and its gradient, which overwrites the logits: one pass exponentiates, the next divides by the sum. */
final class CrossEntropyKernel {
    private CrossEntropyKernel() {}

    /**
     * {@link kept.backend.Backend#crossEntropyRows}.
     *
     * @param logits rows, replaced by their gradient
     * @param labels one for each row
     * @param scale a factor applied to gradients
     * @param losses one for each row
     */
    static void rows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        int width = RowWindow.width(logits);
        checkLabels("crossEntropyRows", labels, width);
        MemorySegment memory = Elements.segment(logits);
        MemorySegment targets = Elements.segment(labels);
        MemorySegment results = Elements.segment(losses);
        WorkerPool.shared().forRanges(labels.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            RowExponentials exponentials = new RowExponentials(width, 1f);
            MemorySegment scratch = Workspace.ofThread().segment(Workspace.Slot.EXPONENTIALS, width);
            for (long row = first; row < end; row++) {
                long label = targets.getAtIndex(JAVA_LONG, labels.offset() + row);
                double loss = row(exponentials, RowMath.slice(memory, logits.offset() + row * width, width), width, label, (float) scale, scratch);
                results.setAtIndex(JAVA_FLOAT, losses.offset() + row, (float) loss);
            }
        });
    }

    private static double row(RowExponentials exponentials, MemorySegment x, int width, long label, float scale, MemorySegment scratch) {
        if (label < 0) {
            x.fill((byte) 0);
            return 0;
        }
        float logit = x.getAtIndex(JAVA_FLOAT, label);
        RowMath.fetch(x, width);
        exponentials.exponentiate(x, width, scratch);
        exponentials.multiply(scratch, width, scale / exponentials.sum(), x);
        x.setAtIndex(JAVA_FLOAT, label, x.getAtIndex(JAVA_FLOAT, label) - scale);
        return (double) exponentials.shift() - logit + StrictMath.log(exponentials.sum());
    }

    /**
     * Checks that labels are within the vocabulary, before anything is overwritten.
     *
     * @param operation the name for the message
     * @param labels one for each row
     * @param vocabulary the number of logits of a row
     * @throws ShapeException if one is not
     */
    static void checkLabels(String operation, Tensor labels, int vocabulary) {
        MemorySegment memory = Elements.segment(labels);
        for (long row = 0; row < labels.elementCount(); row++) {
            long label = memory.getAtIndex(JAVA_LONG, labels.offset() + row);
            if (label >= vocabulary) {
                throw new ShapeException(("[%s] label %d of row %d lies outside the vocabulary of %d: "
                        + "give token ids below it, or a negative one to skip the row").formatted(operation, label, row, vocabulary));
            }
        }
    }
}
