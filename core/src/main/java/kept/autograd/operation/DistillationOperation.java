package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.DistillationLoss;
import kept.autograd.FactoredLogits;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.DistillationObjective;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A distillation loss of a student, averaged over rows and fused with its output head: logits are computed for one chunk of rows at a time, never for
 * all tokens. Only the student's hidden states and head receive gradients, which the forward pass computes chunk by chunk. Subclasses have the
 * teacher.
 */
abstract class DistillationOperation extends Operation {
    private final FactoredLogits student;
    private final Tensor labels;
    private final DistillationObjective objective;
    private final long chunkRows;
    private final boolean wantHidden;
    private final boolean wantHead;
    private LogitGradients logitGradients;
    private Tensor divergence;

    /**
     * Creates the operation from checked operands.
     *
     * @param student the student's hidden states and head
     * @param labels the target tokens, one per row, I32 or I64; null if the objective has no cross-entropy
     * @param objective the loss of a row
     * @param chunkRows the rows of logits computed at a time, at least 1
     */
    DistillationOperation(FactoredLogits student, Tensor labels, DistillationObjective objective, long chunkRows) {
        this.student = student;
        this.labels = labels;
        this.objective = objective;
        this.chunkRows = chunkRows;
        wantHidden = Autograd.isRecording() && student.hidden().requiresGradient();
        wantHead = Autograd.isRecording() && student.head().requiresGradient();
    }

    /** Compares a chunk of the student's rows with the teacher's. */
    @FunctionalInterface
    interface RowLosses {
        /**
         * Computes the losses of rows.
         *
         * @param first the first of the rows
         * @param logits the student's {@code [count, vocabulary]}, F32; replaced by {@code scale * d loss / d logits}
         * @param targets the labels {@code [count]}, I64; null without cross-entropy
         * @param scale the factor applied to gradients
         * @param losses receives the loss of each row {@code [count]}, F32
         * @param divergences receives the divergence of each row {@code [count]}, F32
         */
        void compute(long first, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor divergences);
    }

    /**
     * Prepares the teacher's part, whose memory belongs to the current scope.
     *
     * @param objective the loss of a row
     * @param mostRows the most rows of a chunk
     */
    abstract RowLosses rowLosses(DistillationObjective objective, long mostRows);

    /** Applies the operation. */
    final DistillationLoss apply() {
        Tensor loss = Autograd.apply(this, student.hidden(), student.head());
        return new DistillationLoss(loss, divergence);
    }

    @Override
    protected final Tensor forward(Tensor... inputs) {
        long rows = student.rowCount();
        long mostRows = Math.min(chunkRows, rows);
        Tensor losses = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor divergences = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor hidden = RowChunks.hidden(student);
        logitGradients = new LogitGradients(student, hidden, wantHidden, wantHead);
        try (var _ = Scope.open(hidden.device())) {
            Tensor targets = labels == null || objective.crossEntropyWeight() == 0 ? null : RowChunks.labels(name(), labels, student);
            RowLosses teacher = rowLosses(objective, mostRows);
            var chunks = new LogitChunks(student, hidden, mostRows);
            RowChunks.forEach(rows, chunkRows, (first, count) -> {
                Tensor logits = chunks.compute(first, count);
                teacher.compute(first, logits, targets == null ? null : Rows.range(targets, first, count), 1.0 / rows,
                        Rows.range(losses, first, count), Rows.range(divergences, first, count));
                logitGradients.add(logits, first);
            });
        }
        divergence = Rows.mean(divergences, rows);
        return Rows.mean(losses, rows);
    }

    @Override
    protected final void backward(Tensor gradient, Gradients gradients) {
        logitGradients.deliver(name(), gradient, gradients);
    }
}
