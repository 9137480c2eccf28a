package kept.autograd.operation;

import kept.autograd.DistillationLoss;
import kept.autograd.DistillationScores;
import kept.autograd.FactoredLogits;
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
 * The distillation loss of a student against a teacher, fused with both output heads: the teacher's logits too are computed for one chunk of rows at
 * a time.
 */
public final class LinearDistillation extends DistillationOperation {
    private static final String NAME = "linear distillation";

    /** The objective of {@link #evaluate}: the loss is the student's cross-entropy, and the divergence is a separate result. */
    private static final DistillationObjective BOTH = new DistillationObjective(Divergence.FORWARD_KL, 1, 1);

    private final FactoredLogits teacher;

    private LinearDistillation(
            FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective, long chunkRows) {
        super(student, labels, objective, chunkRows);
        this.teacher = teacher;
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
        return new LinearDistillation(student, teacher, labels, objective, RowChunks.check(NAME, chunkRows)).apply();
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
    RowLosses rowLosses(DistillationObjective objective, long mostRows) {
        var chunks = new LogitChunks(teacher, RowChunks.hidden(teacher), mostRows);
        return (first, logits, targets, scale, losses, divergences) -> losses.backend().distillationRows(
                objective, chunks.compute(first, logits.size(0)), logits, targets, scale, losses, divergences);
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
            long chunkRows = student.defaultChunkRows();
            long mostRows = Math.min(chunkRows, student.rowCount());
            var ofTeacher = new LogitChunks(teacher, RowChunks.hidden(teacher), mostRows);
            var ofStudent = new LogitChunks(student, RowChunks.hidden(student), mostRows);
            RowChunks.forEach(student.rowCount(), chunkRows, (first, count) ->
                    score(scores, ofTeacher.compute(first, count), ofStudent.compute(first, count), Rows.range(targets, first, count), first));
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
}
