package kept.autograd.operation;

import java.util.Arrays;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The cross-entropy of next tokens, averaged over the rows with a label and fused with the output head: logits are computed for one chunk of rows at
 * a time. The forward pass also computes the gradients, chunk by chunk.
 */
public final class LinearCrossEntropy extends Operation {
    private static final String NAME = "linear cross-entropy";

    private final FactoredLogits logits;
    private final Tensor labels;
    private final long chunkRows;
    private final boolean wantHidden;
    private final boolean wantHead;
    private LogitGradients logitGradients;

    private LinearCrossEntropy(FactoredLogits logits, Tensor labels, long chunkRows) {
        this.logits = logits;
        this.labels = labels;
        this.chunkRows = chunkRows;
        wantHidden = Autograd.isRecording() && logits.hidden().requiresGradient();
        wantHead = Autograd.isRecording() && logits.head().requiresGradient();
    }

    /**
     * The mean loss, in chunks of the {@linkplain FactoredLogits#defaultChunkRows default size}.
     *
     * @param logits hidden states and head; both receive gradients
     * @param labels the target tokens, one per row, I32 or I64; rows with a negative label are ignored
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row has a label
     */
    public static Tensor apply(FactoredLogits logits, Tensor labels) {
        return apply(logits, labels, Arguments.present(NAME, "logits", logits).defaultChunkRows());
    }

    /**
     * The mean loss, in chunks of a given size.
     *
     * @param logits hidden states and head; both receive gradients
     * @param labels the target tokens, one per row, I32 or I64; rows with a negative label are ignored
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return a scalar in nats, F32
     * @throws ShapeException if labels and rows differ in number, or no row has a label
     */
    public static Tensor apply(FactoredLogits logits, Tensor labels, long chunkRows) {
        check(logits, labels);
        return Autograd.apply(new LinearCrossEntropy(logits, labels, RowChunks.check(NAME, chunkRows)), logits.hidden(), logits.head());
    }

    /**
     * The loss of each row, in chunks. Not recorded by autograd.
     *
     * @param logits hidden states and head
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target
     * @return {@code [rows]} in nats, F32; 0 where the label is negative
     * @throws ShapeException if labels and rows differ in number
     */
    public static Tensor evaluate(FactoredLogits logits, Tensor labels) {
        check(logits, labels);
        return Autograd.withoutRecording(() -> new LinearCrossEntropy(logits, labels, logits.defaultChunkRows()).rowLosses(0));
    }

    private static void check(FactoredLogits logits, Tensor labels) {
        Arguments.present(NAME, "logits", logits);
        Arguments.usable(NAME, logits.hidden(), logits.head(), Arguments.present(NAME, "labels", labels));
        RowChunks.checkLabels(NAME, labels, logits);
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        long counted = Arrays.stream(labels.toLongArray()).filter(label -> label >= 0).count();
        if (counted == 0) {
            throw new ShapeException("[%s] no row of %s has a label".formatted(NAME, labels.shape()));
        }
        return Rows.mean(rowLosses(1.0 / counted), counted);
    }

    private Tensor rowLosses(double scale) {
        long rows = logits.rowCount();
        Tensor losses = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor hidden = RowChunks.hidden(logits);
        logitGradients = new LogitGradients(logits, hidden, wantHidden, wantHead);
        try (var _ = Scope.open(hidden.device())) {
            Tensor targets = RowChunks.labels(NAME, labels, logits);
            var chunks = new LogitChunks(logits, hidden, Math.min(chunkRows, rows));
            RowChunks.forEach(rows, chunkRows, (first, count) -> {
                Tensor chunk = chunks.compute(first, count);
                losses.backend().crossEntropyRows(chunk, Rows.range(targets, first, count), scale, Rows.range(losses, first, count));
                logitGradients.add(chunk, first);
            });
        }
        return losses;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        logitGradients.deliver(NAME, gradient, gradients);
    }
}
