package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.DistillationLoss;
import kept.autograd.FactoredLogits;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.SparseDistribution;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * The distillation loss of a student against a part of a teacher's distributions, averaged over rows and fused with the output head: logits are
 * computed for one chunk of rows at a time. Only the student's hidden states and head receive gradients, which the forward pass computes chunk by
 * chunk.
 */
public final class LinearSparseDistillation extends Operation {
    private static final String NAME = "linear sparse distillation";

    private final FactoredLogits student;
    private final SparseDistribution teacher;
    private final Tensor labels;
    private final DistillationObjective objective;
    private final long chunkRows;
    private final boolean wantHidden;
    private final boolean wantHead;
    private LogitGradients logitGradients;
    private Tensor divergence;

    private LinearSparseDistillation(FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective,
            long chunkRows) {
        this.student = student;
        this.teacher = teacher;
        this.labels = labels;
        this.objective = objective;
        this.chunkRows = chunkRows;
        wantHidden = Autograd.isRecording() && student.hidden().requiresGradient();
        wantHead = Autograd.isRecording() && student.head().requiresGradient();
    }

    /**
     * The mean loss, in chunks of the {@linkplain FactoredLogits#defaultChunkRows default size}.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's distributions, one for each row
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row, with the forward divergence
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, labels are missing, or a token lies beyond the vocabulary
     * @throws TensorException if the objective has another divergence
     */
    public static DistillationLoss apply(FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective) {
        return apply(student, teacher, labels, objective, Arguments.present(NAME, "the student's logits", student).defaultChunkRows());
    }

    /**
     * The mean loss, in chunks of a given size.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's distributions, one for each row
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row, with the forward divergence
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, labels are missing, or a token lies beyond the vocabulary
     * @throws TensorException if the objective has another divergence
     */
    public static DistillationLoss apply(FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective,
            long chunkRows) {
        Arguments.present(NAME, "the student's logits", student);
        Arguments.present(NAME, "the teacher's distributions", teacher);
        Arguments.present(NAME, "the objective", objective);
        Arguments.usable(NAME, student.hidden(), student.head(), teacher.tokens(), teacher.probabilities(), teacher.rest(), teacher.entropies());
        if (objective.divergence() != Divergence.FORWARD_KL) {
            throw new TensorException("[%s] only the forward divergence can be computed from a part of the teacher's distribution".formatted(NAME));
        }
        if (labels != null) {
            Arguments.usable(NAME, student.hidden(), labels);
            RowChunks.checkLabels(NAME, labels, student);
        } else if (objective.crossEntropyWeight() > 0) {
            throw new ShapeException("[%s] the objective's cross-entropy needs labels".formatted(NAME));
        }
        if (student.rowCount() != teacher.rest().size(0)) {
            throw new ShapeException("[%s] student and teacher have different rows: hidden states %s and %d distributions"
                    .formatted(NAME, student.hidden().shape(), teacher.rest().size(0)));
        }
        var operation = new LinearSparseDistillation(student, teacher.map(Operands::rows), labels, objective, RowChunks.check(NAME, chunkRows));
        Tensor loss = Autograd.apply(operation, student.hidden(), student.head());
        return new DistillationLoss(loss, operation.divergence);
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        long rows = student.rowCount();
        Tensor losses = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor divergences = Tensor.empty(DType.F32, Shape.of(rows));
        Tensor hidden = RowChunks.hidden(student);
        logitGradients = new LogitGradients(student, hidden, wantHidden, wantHead);
        try (var _ = Scope.open(hidden.device())) {
            Tensor targets = labels == null || objective.crossEntropyWeight() == 0 ? null : RowChunks.labels(NAME, labels, student);
            Tensor buffer = RowChunks.buffer(student, Math.min(chunkRows, rows));
            RowChunks.forEach(rows, chunkRows, (first, count) -> {
                Tensor chunk = Rows.range(buffer, 0, count);
                RowChunks.multiply(student, hidden, first, chunk);
                losses.backend().sparseDistillationRows(objective, teacher.map(tensor -> Rows.range(tensor, first, count)), chunk,
                        targets == null ? null : Rows.range(targets, first, count), 1.0 / rows, Rows.range(losses, first, count),
                        Rows.range(divergences, first, count));
                logitGradients.add(chunk, first);
            });
        }
        divergence = Rows.mean(divergences, rows);
        return Rows.mean(losses, rows);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        logitGradients.deliver(NAME, gradient, gradients);
    }
}
