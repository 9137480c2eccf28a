package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.tensor.Tensor;

/**
 * Divergences between a teacher's and a student's rows of logits, and the gradient in the student's place.
 *
 * <p>With a = teacher / temperature, b = student / temperature, p and q their softmax and d = log p - log q, the derivative by b is
 * {@code q - p} for the forward divergence and {@code q (u - sum q u)} for the others, with {@code u = -d} for the reverse divergence and
 * {@code u = log(2 q / (p + q)) / 2} for Jensen-Shannon. So the forward divergence takes three passes over a row, maximum, sum, and gradient with
 * divergence; the others one more, for the sum over u.
 *
 * <p>Probabilities are never divided or taken the logarithm of: d is a difference of logits, and terms of a probability of 0 are left out. A
 * teacher's logit of minus infinity counts as {@value DivergenceMath#LOWEST} below the maximum in the reverse divergence, which would be infinite
 * with a gradient that says nothing.
 */
final class DistillationKernel {
    private static final int BLOCK = RowMath.BLOCK;

    private final DistillationObjective objective;
    private final double scale;
    private final int width;
    private final float factor;
    /** Exponentials of the teacher, of the student, of the student at temperature 1; or whatever a pass needs. */
    private final MemorySegment p;
    private final MemorySegment q;
    private final MemorySegment r;
    /** What is averaged over q, for a whole row; nothing for the forward divergence. */
    private final MemorySegment u;

    private DistillationKernel(DistillationObjective objective, int width, double scale, Arena arena) {
        this.objective = objective;
        this.scale = scale;
        this.width = width;
        factor = (float) (1 / objective.temperature());
        p = arena.allocate(JAVA_FLOAT, BLOCK);
        q = arena.allocate(JAVA_FLOAT, BLOCK);
        r = arena.allocate(JAVA_FLOAT, BLOCK);
        u = arena.allocate(JAVA_FLOAT, objective.divergence() == Divergence.FORWARD_KL ? 0 : width);
    }

    /** The losses of a row. */
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
            try (Arena arena = Arena.ofConfined()) {
                DistillationKernel kernel = new DistillationKernel(objective, width, scale, arena);
                for (long row = first; row < end; row++) {
                    long label = mixed ? Elements.segment(labels).getAtIndex(JAVA_LONG, labels.offset() + row) : -1;
                    Result result = kernel.row(RowMath.slice(Elements.segment(teacher), teacher.offset() + row * width, width),
                            RowMath.slice(Elements.segment(student), student.offset() + row * width, width), label);
                    Elements.segment(losses).setAtIndex(JAVA_FLOAT, losses.offset() + row, (float) result.loss);
                    Elements.segment(divergences).setAtIndex(JAVA_FLOAT, divergences.offset() + row, (float) result.divergence);
                }
            }
        });
    }

    private Result row(MemorySegment teacher, MemorySegment student, long label) {
        double temperature = objective.temperature();
        double weight = objective.crossEntropyWeight();
        float tMax = RowMath.max(teacher, width);
        float sMax = RowMath.max(student, width);
        double tSum = RowMath.sumExp(teacher, width, tMax, factor, p);
        double sSum = RowMath.sumExp(student, width, sMax, factor, q);
        var logits = DivergenceMath.Logits.of(tMax, sMax, factor, tSum, sSum);
        double loss = 0;
        double sum = 1;
        if (label >= 0) {
            sum = factor == 1f ? sSum : RowMath.sumExp(student, width, sMax, 1f, r);
            loss = weight * ((double) sMax - student.get(JAVA_FLOAT, 4 * label) + StrictMath.log(sum));
        }
        // The derivative by b, times temperature^2 of the objective and 1 / temperature of b.
        float slope = (float) (scale * (1 - weight) * temperature);
        float crossEntropy = label >= 0 ? (float) (scale * weight) : 0f;
        float share = (float) (crossEntropy / sum);
        double divergence = objective.divergence() == Divergence.FORWARD_KL
                ? forward(teacher, student, logits, slope, share)
                : averaged(teacher, student, logits, slope, share);
        if (label >= 0) {
            student.set(JAVA_FLOAT, 4 * label, student.get(JAVA_FLOAT, 4 * label) - crossEntropy);
        }
        if (weight < 1) {
            loss += (1 - weight) * temperature * temperature * divergence;
        }
        return new Result(loss, divergence);
    }

    private double forward(MemorySegment teacher, MemorySegment student, DivergenceMath.Logits logits, float slope, float share) {
        double divergence = 0;
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            MemorySegment t = RowMath.slice(teacher, i, count);
            MemorySegment s = RowMath.slice(student, i, count);
            RowMath.exp(t, count, logits.teacherMax(), factor, p);
            RowMath.exp(s, count, logits.studentMax(), factor, q);
            divergence += DivergenceMath.forward(t, s, p, q, trueExponentials(s, count, logits, share), count, logits, slope, share);
        }
        return divergence - logits.correction();
    }

    /** The divergences whose gradient needs an average over the row first. */
    private double averaged(MemorySegment teacher, MemorySegment student, DivergenceMath.Logits logits, float slope, float share) {
        boolean reverse = objective.divergence() == Divergence.REVERSE_KL;
        double divergence = reverse ? logits.correction() : 0;
        double average = 0;
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            MemorySegment t = RowMath.slice(teacher, i, count);
            MemorySegment s = RowMath.slice(student, i, count);
            RowMath.exp(t, count, logits.teacherMax(), factor, p);
            RowMath.exp(s, count, logits.studentMax(), factor, q);
            MemorySegment us = RowMath.slice(u, i, count);
            if (reverse) {
                divergence += DivergenceMath.reverse(t, s, p, q, us, count, logits);
            } else {
                DivergenceMath.logRatio(t, s, us, count, logits);
                RowMath.expOfNegativeMagnitude(us, count, r);
                divergence += DivergenceMath.jensenShannon(p, q, r, us, count, logits);
            }
            average += DivergenceMath.dot(q, us, count);
        }
        average *= logits.studentInverse();
        for (int i = 0; i < width; i += BLOCK) {
            int count = Math.min(BLOCK, width - i);
            MemorySegment s = RowMath.slice(student, i, count);
            RowMath.exp(s, count, logits.studentMax(), factor, q);
            MemorySegment exponentials = trueExponentials(s, count, logits, share);
            DivergenceMath.gradient(q, RowMath.slice(u, i, count), exponentials, count, (float) average, slope * logits.studentInverse(), share, s);
        }
        return divergence;
    }

    /** The student's exponentials at temperature 1, for the cross-entropy's share of the gradient; any numbers if that is 0. */
    private MemorySegment trueExponentials(MemorySegment block, int count, DivergenceMath.Logits logits, float share) {
        if (share == 0f || factor == 1f) {
            return q;
        }
        RowMath.exp(block, count, logits.studentMax(), 1f, r);
        return r;
    }
}
