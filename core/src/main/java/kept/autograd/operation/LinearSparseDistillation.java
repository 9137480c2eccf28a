package kept.autograd.operation;

import kept.autograd.DistillationLoss;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.SparseDistribution;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * The distillation loss of a student against a part of a teacher's distributions, such as the most likely tokens and the probability of the rest.
 */
public final class LinearSparseDistillation extends DistillationOperation {
    private static final String NAME = "linear sparse distillation";

    private final SparseDistribution teacher;

    private LinearSparseDistillation(FactoredLogits student, SparseDistribution teacher, Tensor labels, DistillationObjective objective,
            long chunkRows) {
        super(student, labels, objective, chunkRows);
        this.teacher = teacher;
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
        return new LinearSparseDistillation(student, teacher.map(Operands::rows), labels, objective, RowChunks.check(NAME, chunkRows)).apply();
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    RowLosses rowLosses(DistillationObjective objective, long mostRows) {
        return (first, logits, targets, scale, losses, divergences) -> losses.backend().sparseDistillationRows(objective,
                teacher.map(tensor -> Rows.range(tensor, first, logits.size(0))), logits, targets, scale, losses, divergences);
    }
}
