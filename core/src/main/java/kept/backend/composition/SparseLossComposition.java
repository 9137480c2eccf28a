package kept.backend.composition;

import kept.backend.Backend;
import kept.backend.Binary;
import kept.backend.DistillationObjective;
import kept.backend.SparseDistribution;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The distillation loss against a distribution of which some tokens are known one by one. Without cross-entropy no other tensor of the size of the
 * logits is allocated.
 */
public final class SparseLossComposition {
    /** Added to a logit, it leaves a probability of 0. Twice as much is still finite. */
    private static final float REMOVED = -1e30f;

    private SparseLossComposition() {}

    /**
     * {@link kept.backend.FusedKernels#sparseDistillationRows}.
     *
     * @param objective the formula of a row's loss
     * @param teacher the teacher's distributions
     * @param student {@code [n, vocabulary]}, F32; replaced by its gradient
     * @param labels {@code [n]}, I64; null if the cross-entropy's weight is 0
     * @param scale the factor applied to gradients
     * @param losses {@code [n]}, F32
     * @param divergences {@code [n]}, F32
     */
    public static void distillation(DistillationObjective objective, SparseDistribution teacher, Tensor student, Tensor labels, double scale,
            Tensor losses, Tensor divergences) {
        double weight = objective.crossEntropyWeight();
        double temperature = objective.temperature();
        if (weight > 0) {
            LossComposition.checkLabels("sparseDistillationRows", labels, student.size(1));
        }
        try (var _ = Scope.open(student.device())) {
            // Before anything is overwritten: a token outside the vocabulary is refused here.
            Tensor own = student.gather(1, teacher.tokens()).mul(1 / temperature);
            var crossEntropy = weight > 0 ? LossComposition.CrossEntropy.of(student, labels) : null;
            if (temperature != 1) {
                multiply(student, Tensor.scalar(1 / temperature, DType.F32));
            }
            double slope = scale * (1 - weight) * temperature;
            divergences.assign(divergence(teacher, student, own, slope));
            Tensor loss = divergences.mul((1 - weight) * temperature * temperature);
            if (crossEntropy != null) {
                loss = loss.add(crossEntropy.losses().mul(weight));
                student.assign(student.add(crossEntropy.gradient().mul(scale * weight)));
            }
            losses.assign(loss);
        }
    }

    /** The divergence of each row; replaces the logits, which are divided by the temperature, by their gradient times the slope. */
    private static Tensor divergence(SparseDistribution teacher, Tensor student, Tensor own, double slope) {
        Backend backend = student.backend();
        Tensor p = teacher.probabilities();
        Tensor counts = p.ne(0).cast(DType.F32);
        Tensor all = logSumExp(student);
        Tensor logQ = own.sub(all);
        backend.scatterAdd(counts.mul(REMOVED), 1, teacher.tokens(), student);
        Tensor rest = teacher.rest().unsqueeze(1);
        Tensor logRest = logSumExp(student).sub(all);
        // The softmax of the other tokens: their probabilities over that of all of them.
        backend.softmax(false, student, student);
        Tensor factor = logRest.exp().sub(rest).mul(slope);
        multiply(student, factor);
        backend.scatterAdd(logQ.exp().mul(counts).sub(p).mul(slope), 1, teacher.tokens(), student);
        Tensor zero = Tensor.scalar(0, DType.F32);
        Tensor known = Tensor.where(p.ne(0), p.mul(logQ), zero).sum(-1);
        Tensor others = Tensor.where(rest.ne(0), rest.mul(logRest), zero).squeeze(1);
        return known.add(others).neg().sub(teacher.entropies());
    }

    private static void multiply(Tensor rows, Tensor factor) {
        rows.backend().binary(Binary.MULTIPLY, rows, factor.expand(rows.shape().toArray()), rows);
    }

    /** Of rows {@code [n, vocabulary]}, as {@code [n, 1]}. */
    private static Tensor logSumExp(Tensor rows) {
        return rows.logSumExp(-1).unsqueeze(1);
    }
}
