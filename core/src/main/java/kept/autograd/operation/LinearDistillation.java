package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.DistillationLoss;
import kept.autograd.DistillationScores;
import kept.autograd.FactoredLogits;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The distillation loss of a student against a teacher, averaged over rows and fused with both output heads: logits are computed for one chunk of
 * rows at a time, never for all tokens. Only the student's hidden states and head receive gradients, which the forward pass computes chunk by chunk.
 */
public final class LinearDistillation extends Operation {
    private static final String NAME = "linear distillation";

    /** The objective of {@link #evaluate}: the loss is the student's cross-entropy, and the divergence is a separate result. */
    private static final DistillationObjective BOTH = new DistillationObjective(Divergence.FORWARD_KL, 1, 1);

    private final FactoredLogits student;
    private final FactoredLogits teacher;
    private final Tensor labels;
    private final DistillationObjective objective;
    private final long chunkRows;
    private final boolean wantHidden;
    private final boolean wantHead;
    private LogitGradients logitGradients;
    private Tensor divergence;

    private LinearDistillation(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective, long chunkRows) {
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
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary; not differentiated
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, or labels are missing
     */
    public static DistillationLoss apply(FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective) {
        return apply(student, teacher, labels, objective, Arguments.present(NAME, "the student's logits", student).defaultChunkRows());
    }

    /**
     * The mean loss, in chunks of a given size.
     *
     * @param student the student's hidden states and head; both receive gradients
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary; not differentiated
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target; null if the objective has no cross-entropy
     * @param objective the loss of a row
     * @param chunkRows the rows of logits computed at a time, at least 1
     * @return the loss and the divergence
     * @throws ShapeException if the shapes do not match, or labels are missing
     */
    public static DistillationLoss apply(FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective,
            long chunkRows) {
        check(student, teacher, labels);
        if (Arguments.present(NAME, "the objective", objective).crossEntropyWeight() > 0 && labels == null) {
            throw new ShapeException("[%s] the objective's cross-entropy needs labels".formatted(NAME));
        }
        var operation = new LinearDistillation(student, teacher, labels, objective, RowChunks.check(NAME, chunkRows));
        Tensor loss = Autograd.apply(operation, student.hidden(), student.head());
        return new DistillationLoss(loss, operation.divergence);
    }

    private static void check(FactoredLogits student, FactoredLogits teacher, Tensor labels) {
        Arguments.present(NAME, "the student's logits", student);
        Arguments.present(NAME, "the teacher's logits", teacher);
        Arguments.usable(NAME, student.hidden(), student.head(), teacher.hidden(), teacher.head());
        if (labels != null) {
            Arguments.usable(NAME, student.hidden(), labels);
            RowChunks.checkLabels(NAME, labels, student);
        }
        if (student.rowCount() != teacher.rowCount()) {
            throw new ShapeException("[%s] student and teacher have different rows: hidden states %s and %s"
                    .formatted(NAME, student.hidden().shape(), teacher.hidden().shape()));
        }
        if (student.vocabulary() != teacher.vocabulary()) {
            throw new ShapeException("[%s] student and teacher have different vocabularies: %d and %d; their tokenizers must be the same"
                    .formatted(NAME, student.vocabulary(), teacher.vocabulary()));
        }
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
        Tensor studentRows = RowChunks.hidden(student);
        logitGradients = new LogitGradients(student, studentRows, wantHidden, wantHead);
        try (var _ = Scope.open(student.hidden().device())) {
            Tensor targets = labels == null || objective.crossEntropyWeight() == 0 ? null : RowChunks.labels(NAME, labels, student);
            forEachChunk(teacher, student, studentRows, chunkRows, (teacherLogits, studentLogits, first, count) -> {
                losses.backend().distillationRows(objective, teacherLogits, studentLogits, targets == null ? null : Rows.range(targets, first, count),
                        1.0 / rows, Rows.range(losses, first, count), Rows.range(divergences, first, count));
                logitGradients.add(studentLogits, first);
            });
        }
        divergence = Rows.mean(divergences, rows);
        return Rows.mean(losses, rows);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        logitGradients.deliver(NAME, gradient, gradients);
    }

    /**
     * Compares a student with a teacher row by row, in chunks. Not recorded by autograd.
     *
     * @param student the student's logits
     * @param teacher the teacher's hidden states and head, with as many rows and the same vocabulary
     * @param labels the target tokens, one per row, I32 or I64; negative for a row without a target
     * @return the scores of all rows
     * @throws ShapeException if the shapes do not match
     */
    public static DistillationScores evaluate(FactoredLogits student, FactoredLogits teacher, Tensor labels) {
        check(student, teacher, Arguments.present(NAME, "labels", labels));
        Shape shape = Shape.of(student.rowCount());
        var scores = new DistillationScores(
                Tensor.empty(DType.F32, shape), Tensor.empty(DType.F32, shape), Tensor.empty(DType.F32, shape), Tensor.empty(DType.I32, shape));
        try (var _ = Scope.open(student.hidden().device())) {
            Tensor targets = RowChunks.labels(NAME, labels, student);
            forEachChunk(teacher, student, RowChunks.hidden(student), student.defaultChunkRows(), (teacherLogits, studentLogits, first, count) ->
                    score(scores, teacherLogits, studentLogits, Rows.range(targets, first, count), first));
        }
        return scores;
    }

    /** Computes the scores of some rows; overwrites the logits. */
    private static void score(DistillationScores scores, Tensor teacher, Tensor student, Tensor labels, long first) {
        long count = labels.size(0);
        Backend backend = labels.backend();
        Tensor teacherChoice = Tensor.empty(DType.I64, labels.shape());
        Tensor studentChoice = Tensor.empty(DType.I64, labels.shape());
        backend.argMax(teacher, teacherChoice);
        backend.argMax(student, studentChoice);
        backend.binary(Binary.EQUAL, teacherChoice, studentChoice, Rows.range(scores.agreements(), first, count));
        backend.distillationRows(BOTH, teacher, student, labels, 0, Rows.range(scores.studentCrossEntropies(), first, count),
                Rows.range(scores.divergences(), first, count));
        backend.crossEntropyRows(teacher, labels, 0, Rows.range(scores.teacherCrossEntropies(), first, count));
    }

    /** Processes both models' logits, {@code [count, vocabulary]}, of the rows from {@code first} on. */
    @FunctionalInterface
    private interface ChunkBody {
        void accept(Tensor teacherLogits, Tensor studentLogits, long first, long count);
    }

    /** Computes the logits chunk by chunk in the same two buffers. The buffers belong to the current scope; the body may overwrite them. */
    private static void forEachChunk(FactoredLogits teacher, FactoredLogits student, Tensor studentRows, long chunkRows, ChunkBody body) {
        long rows = student.rowCount();
        Tensor teacherRows = RowChunks.hidden(teacher);
        long longest = Math.min(chunkRows, rows);
        Tensor teacherBuffer = RowChunks.buffer(teacher, longest);
        Tensor studentBuffer = RowChunks.buffer(student, longest);
        RowChunks.forEach(rows, chunkRows, (first, count) -> {
            Tensor teacherLogits = Rows.range(teacherBuffer, 0, count);
            Tensor studentLogits = Rows.range(studentBuffer, 0, count);
            RowChunks.multiply(teacher, teacherRows, first, teacherLogits);
            RowChunks.multiply(student, studentRows, first, studentLogits);
            body.accept(teacherLogits, studentLogits, first, count);
        });
    }
}
