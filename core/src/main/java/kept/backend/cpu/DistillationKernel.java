package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.tensor.Tensor;

/**
 * Divergences between a teacher's and a student's rows of logits; the gradient overwrites the student's logits.
 *
 * <p>With a = teacher / temperature, b = student / temperature, p and q their softmax and d = log p - log q, the derivative by b is {@code q - p} for
 * the forward divergence and {@code q (u - sum q u)} for the others, with {@code u = -d} for the reverse divergence and {@code u = log(2 q / (p + q))
 * / 2} for Jensen-Shannon. So the forward divergence takes two passes over a row: one for the exponentials and their sum, one for the gradient and
 * the divergence. The other divergences take a third pass, for the sum over u. The exponentials of both rows are kept in the thread's workspace, in
 * the second-level cache for the vocabularies in use.
 *
 * <p>The formulas contain neither quotients nor logarithms of probabilities: d is a difference of logits, and terms with probability 0 are left out.
 * In the reverse divergence a teacher's logit of minus infinity counts as {@value DivergenceMath#LOWEST} below the maximum, because otherwise the
 * loss would be infinite and its gradient useless.
 */
final class DistillationKernel {
    private static final int BLOCK = RowExponentials.BLOCK;

    private final DistillationObjective objective;
    private final double scale;
    private final int width;
    private final float factor;
    private final RowExponentials teachers;
    private final RowExponentials students;
    /** The rows' exponentials. */
    private final MemorySegment p;
    private final MemorySegment q;
    /** The values u of a row, which are averaged over q; unused by the forward divergence. */
    private final MemorySegment u;
    /** A block of the student's exponentials at temperature 1. */
    private final MemorySegment r;

    private DistillationKernel(DistillationObjective objective, int width, double scale) {
        this.objective = objective;
        this.scale = scale;
        this.width = width;
        factor = (float) (1 / objective.temperature());
        teachers = new RowExponentials(width, factor);
        students = new RowExponentials(width, factor);
        Workspace workspace = Workspace.ofThread();
        p = workspace.segment(Workspace.Slot.EXPONENTIALS, width);
        q = workspace.segment(Workspace.Slot.STUDENT_EXPONENTIALS, width);
        u = workspace.segment(Workspace.Slot.AVERAGED, objective.divergence() == Divergence.FORWARD_KL ? 0 : width);
        r = workspace.segment(Workspace.Slot.STUDENT_BLOCK, BLOCK);
    }

    /** The results of a row. */
    private record Result(double loss, double divergence) {}

    /**
     * {@link kept.backend.Backend#distillationRows}.
     *
     * @param objective the formula
     * @param teacher rows
     * @param student rows, replaced by their gradient
     * @param labels one for each row, or null
     * @param scale what gradients are multiplied by
     * @param losses one for each row
     * @param divergences one for each row
     */
    static void rows(
            DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses, Tensor divergences) {
        int width = RowWindow.width(student);
        boolean mixed = objective.crossEntropyWeight() > 0;
        if (mixed) {
            CrossEntropyKernel.checkLabels("distillationRows", labels, width);
        }
        WorkerPool.shared().forRanges(losses.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            DistillationKernel kernel = new DistillationKernel(objective, width, scale);
            for (long row = first; row < end; row++) {
                long label = mixed ? Elements.segment(labels).getAtIndex(JAVA_LONG, labels.offset() + row) : -1;
                Result result = kernel.row(RowMath.slice(Elements.segment(teacher), teacher.offset() + row * width, width),
                        RowMath.slice(Elements.segment(student), student.offset() + row * width, width), label);
                Elements.segment(losses).setAtIndex(JAVA_FLOAT, losses.offset() + row, (float) result.loss);
                Elements.segment(divergences).setAtIndex(JAVA_FLOAT, divergences.offset() + row, (float) result.divergence);
            }
        });
    }

    private Result row(MemorySegment teacher, MemorySegment student, long label) {
        double temperature = objective.temperature();
        double weight = objective.crossEntropyWeight();
        RowMath.fetch(teacher, width);
        teachers.exponentiate(teacher, width, p);
        RowMath.fetch(student, width);
        students.exponentiate(student, width, q);
        double loss = 0;
        double sum = 1;
        if (label >= 0) {
            sum = factor == 1f ? students.sum() : RowMath.sumExp(student, width, students.max(), 1f, r);
            float shift = factor == 1f ? students.shift() : students.max();
            loss = weight * ((double) shift - student.get(JAVA_FLOAT, 4 * label) + StrictMath.log(sum));
        }
        // The derivative by b, times temperature^2 of the objective and 1 / temperature of b.
        float slope = (float) (scale * (1 - weight) * temperature);
        float crossEntropy = label >= 0 ? (float) (scale * weight) : 0f;
        double share = crossEntropy / sum;
        double divergence = objective.divergence() == Divergence.FORWARD_KL
                ? forward(teacher, student, slope, share)
                : averaged(teacher, student, slope, share);
        if (label >= 0) {
            student.set(JAVA_FLOAT, 4 * label, student.get(JAVA_FLOAT, 4 * label) - crossEntropy);
        }
        if (weight < 1) {
            loss += (1 - weight) * temperature * temperature * divergence;
        }
        return new Result(loss, divergence);
    }

    private double forward(MemorySegment teacher, MemorySegment student, float slope, double share) {
        double divergence = 0;
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            DivergenceMath.Block block = block(teacher, student, i, count);
            MemorySegment ones = trueExponentials(block.student(), i, count, share);
            var row = DivergenceMath.Logits.of(teachers, students, i, factor);
            divergence += DivergenceMath.forward(block, ones, row, slope, trueFactor(i, share));
            divergence -= row.rounding() * row.teacherFactor() * teachers.sum(i);
        }
        return divergence;
    }

    private DivergenceMath.Block block(MemorySegment teacher, MemorySegment student, int first, int count) {
        return new DivergenceMath.Block(RowMath.slice(teacher, first, count), RowMath.slice(student, first, count), RowMath.slice(p, first, count),
                RowMath.slice(q, first, count), count);
    }

    /** The divergences whose gradient needs an average over the row first. */
    private double averaged(MemorySegment teacher, MemorySegment student, float slope, double share) {
        boolean reverse = objective.divergence() == Divergence.REVERSE_KL;
        double divergence = 0;
        double average = 0;
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            DivergenceMath.Block block = block(teacher, student, i, count);
            MemorySegment us = RowMath.slice(u, i, count);
            var row = DivergenceMath.Logits.of(teachers, students, i, factor);
            if (reverse) {
                divergence += DivergenceMath.reverse(block, us, row);
                divergence += row.rounding() * row.studentFactor() * students.sum(i);
            } else {
                divergence += DivergenceMath.jensenShannon(block, us, row);
            }
            average += (double) DivergenceMath.dot(block.studentExponentials(), us, count) * row.studentFactor();
        }
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            MemorySegment s = RowMath.slice(student, i, count);
            MemorySegment ones = trueExponentials(s, i, count, share);
            DivergenceMath.gradient(RowMath.slice(q, i, count), RowMath.slice(u, i, count), ones, count, (float) average,
                    students.factor(i, slope / students.sum()), trueFactor(i, share), s);
        }
        return divergence;
    }

    /** A block of the student's exponentials at temperature 1, for the cross-entropy's part of the gradient; arbitrary numbers if its weight is 0. */
    private MemorySegment trueExponentials(MemorySegment block, int first, int count, double share) {
        if (share == 0 || factor == 1f) {
            return RowMath.slice(q, first, count);
        }
        RowMath.exp(block, count, students.max(), 1f, r);
        return r;
    }

    /** The factor that turns {@link #trueExponentials} into the gradient. */
    private float trueFactor(int first, double share) {
        return factor == 1f ? students.factor(first, share) : (float) share;
    }
}
