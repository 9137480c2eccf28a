package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import kept.backend.DistillationObjective;
import kept.backend.SparseDistribution;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * The divergence of a student's rows of logits from distributions of which some tokens are known one by one; the gradient overwrites the logits.
 *
 * <p>The logits of the known tokens are taken out of the row, in double precision, and replaced by minus infinity. One pass exponentiates the others;
 * their sum gives s, the student's probability of all of them, without the cancellation of {@code 1 - sum q}. With their softmax e, the gradient
 * elsewhere, {@code q (1 - r / s)}, is {@code (s - r) e}, which stays finite where s underflows: one more pass, a product.
 *
 * <p>The temperature is 1, or there is no cross-entropy, since both take the same exponentials.
 */
final class SparseDistillationKernel {
    private final DistillationObjective objective;
    private final double scale;
    private final int width;
    private final RowExponentials others;
    private final MemorySegment exponentials;
    /** The known tokens of a row with a probability, their probabilities, and the student's logits of them over the temperature. */
    private final int[] tokens;
    private final double[] probabilities;
    private final double[] logits;
    private int known;

    private SparseDistillationKernel(DistillationObjective objective, int width, int most, double scale) {
        this.objective = objective;
        this.scale = scale;
        this.width = width;
        others = new RowExponentials(width, (float) (1 / objective.temperature()));
        exponentials = Workspace.ofThread().segment(Workspace.Slot.EXPONENTIALS, width);
        tokens = new int[most];
        probabilities = new double[most];
        logits = new double[most];
    }

    /** The results of a row. */
    private record Result(double loss, double divergence) {}

    /**
     * {@link kept.backend.Backend#sparseDistillationRows}.
     *
     * @param objective the formula, with a temperature of 1 or without cross-entropy
     * @param teacher the teacher's distributions
     * @param student rows, replaced by their gradient
     * @param labels one for each row, or null
     * @param scale what gradients are multiplied by
     * @param losses one for each row
     * @param divergences one for each row
     */
    static void rows(DistillationObjective objective, SparseDistribution teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        int width = RowWindow.width(student);
        int most = RowWindow.width(teacher.tokens());
        boolean mixed = objective.crossEntropyWeight() > 0;
        if (mixed) {
            CrossEntropyKernel.checkLabels("sparseDistillationRows", labels, width);
        }
        checkTokens(teacher.tokens(), width);
        WorkerPool.shared().forRanges(losses.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            var kernel = new SparseDistillationKernel(objective, width, most, scale);
            for (long row = first; row < end; row++) {
                MemorySegment logits = RowMath.slice(Elements.segment(student), student.offset() + row * width, width);
                long label = mixed ? Elements.segment(labels).getAtIndex(JAVA_LONG, labels.offset() + row) : -1;
                double ofLabel = label < 0 ? 0 : logits.getAtIndex(JAVA_FLOAT, label);
                kernel.take(teacher, row, logits);
                Result result = kernel.row(logits, at(teacher.rest(), row), at(teacher.entropies(), row), label, ofLabel);
                Elements.segment(losses).setAtIndex(JAVA_FLOAT, losses.offset() + row, (float) result.loss);
                Elements.segment(divergences).setAtIndex(JAVA_FLOAT, divergences.offset() + row, (float) result.divergence);
            }
        });
    }

    private static double at(Tensor vector, long index) {
        return Elements.segment(vector).getAtIndex(JAVA_FLOAT, vector.offset() + index);
    }

    /** Before anything is overwritten. */
    private static void checkTokens(Tensor tokens, int vocabulary) {
        MemorySegment memory = Elements.segment(tokens);
        for (long i = 0; i < tokens.elementCount(); i++) {
            long token = memory.getAtIndex(JAVA_LONG, tokens.offset() + i);
            if (token < 0 || token >= vocabulary) {
                throw new ShapeException("[sparseDistillationRows] token %d lies outside the vocabulary of %d".formatted(token, vocabulary));
            }
        }
    }

    /** Takes the known tokens out of a row. */
    private void take(SparseDistribution teacher, long row, MemorySegment student) {
        double factor = 1 / objective.temperature();
        known = 0;
        for (long i = row * tokens.length; i < (row + 1) * tokens.length; i++) {
            double probability = at(teacher.probabilities(), i);
            // Also NaN, which then reaches the loss.
            if (probability != 0) {
                int token = (int) Elements.segment(teacher.tokens()).getAtIndex(JAVA_LONG, teacher.tokens().offset() + i);
                tokens[known] = token;
                probabilities[known] = probability;
                logits[known] = student.getAtIndex(JAVA_FLOAT, token) * factor;
                student.setAtIndex(JAVA_FLOAT, token, Float.NEGATIVE_INFINITY);
                known++;
            }
        }
    }

    private Result row(MemorySegment student, double rest, double entropy, long label, double ofLabel) {
        double temperature = objective.temperature();
        double weight = objective.crossEntropyWeight();
        RowMath.fetch(student, width);
        others.exponentiate(student, width, exponentials);
        boolean areOthers = others.shift() != Float.NEGATIVE_INFINITY;
        double logOthers = areOthers ? others.shift() / temperature + StrictMath.log(others.sum()) : Double.NEGATIVE_INFINITY;
        double all = logSumExp(logOthers);
        double divergence = -entropy;
        double share = StrictMath.exp(logOthers - all);
        // The derivative by a logit over the temperature, times temperature^2 of the objective and 1 / temperature of the logit.
        double slope = scale * (1 - weight) * temperature;
        double crossEntropy = label < 0 ? 0 : scale * weight;
        if (areOthers) {
            others.multiply(exponentials, width, (slope * (share - rest) + crossEntropy * share) / others.sum(), student);
        } else {
            student.fill((byte) 0);
        }
        for (int i = 0; i < known; i++) {
            double logQ = logits[i] - all;
            double q = StrictMath.exp(logQ);
            divergence -= probabilities[i] * logQ;
            student.setAtIndex(JAVA_FLOAT, tokens[i], (float) (slope * (q - probabilities[i]) + crossEntropy * q));
        }
        if (rest != 0) {
            divergence -= rest * (logOthers - all);
        }
        double loss = 0;
        if (label >= 0) {
            student.setAtIndex(JAVA_FLOAT, label, (float) (student.getAtIndex(JAVA_FLOAT, label) - crossEntropy));
            loss = weight * (all - ofLabel);
        }
        if (weight < 1) {
            loss += (1 - weight) * temperature * temperature * divergence;
        }
        return new Result(loss, divergence);
    }

    /** Of all logits of the row, from that of the others. */
    private double logSumExp(double logOthers) {
        double max = logOthers;
        for (int i = 0; i < known; i++) {
            max = Math.max(max, logits[i]);
        }
        double sum = StrictMath.exp(logOthers - max);
        for (int i = 0; i < known; i++) {
            sum += StrictMath.exp(logits[i] - max);
        }
        return max + StrictMath.log(sum);
    }
}
