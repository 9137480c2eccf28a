package kept.backend.composition;

import java.util.Arrays;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** Losses of rows of logits; the gradient overwrites the logits. */
public final class LossComposition {
    /** The value used for log 0 where minus infinity would make the gradient NaN or 0. */
    private static final double LOWEST = -1e6;

    private LossComposition() {}

    /**
     * {@link kept.backend.FusedKernels#crossEntropyRows}.
     *
     * @param logits {@code [n, vocabulary]}, F32; replaced by its gradient
     * @param labels {@code [n]}, I64
     * @param scale the factor applied to gradients
     * @param losses {@code [n]}, F32
     */
    public static void crossEntropy(Tensor logits, Tensor labels, double scale, Tensor losses) {
        checkLabels("crossEntropyRows", labels, logits.size(1));
        try (var _ = Scope.open(logits.device())) {
            var row = CrossEntropy.of(logits, labels);
            losses.assign(row.losses);
            logits.assign(row.gradient.mul(scale));
        }
    }

    /** The losses of rows, {@code [n]}, and their gradient, {@code [n, vocabulary]}; both 0 where the label is negative. */
    record CrossEntropy(Tensor losses, Tensor gradient) {
        static CrossEntropy of(Tensor logits, Tensor labels) {
            Tensor isLabel = Tensor.arange(Math.toIntExact(logits.size(1))).cast(DType.I64).eq(labels.unsqueeze(1));
            Tensor counts = labels.ge(0);
            Tensor zero = Tensor.scalar(0, logits.dtype());
            Tensor max = logits.max(true, -1);
            Tensor powers = logits.sub(max).exp();
            Tensor sums = powers.sum(true, -1);
            Tensor ofLabel = Tensor.where(isLabel, max.sub(logits), zero).sum(-1);
            return new CrossEntropy(Tensor.where(counts, ofLabel.add(sums.log().squeeze(1)), zero),
                    Tensor.where(counts.unsqueeze(1), powers.div(sums).sub(isLabel.cast(logits.dtype())), zero));
        }
    }

    static void checkLabels(String operation, Tensor labels, long vocabulary) {
        long[] values = labels.toLongArray();
        Arrays.stream(values).filter(label -> label >= vocabulary).findFirst().ifPresent(label -> {
            throw new ShapeException("[%s] label %d lies outside the vocabulary of %d".formatted(operation, label, vocabulary));
        });
    }

    /**
     * {@link kept.backend.FusedKernels#distillationRows}.
     *
     * @param objective the formula of a row's loss
     * @param teacher {@code [n, vocabulary]}, F32
     * @param student {@code [n, vocabulary]}, F32; replaced by its gradient
     * @param labels {@code [n]}, I64; null if the cross-entropy's weight is 0
     * @param scale the factor applied to gradients
     * @param losses {@code [n]}, F32
     * @param divergences {@code [n]}, F32
     */
    public static void distillation(
            DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses, Tensor divergences) {
        double weight = objective.crossEntropyWeight();
        double temperature = objective.temperature();
        if (weight > 0) {
            checkLabels("distillationRows", labels, student.size(1));
        }
        try (var _ = Scope.open(student.device())) {
            Distance distance = Distance.of(objective.divergence(), teacher, student, 1 / temperature);
            divergences.assign(distance.values);
            Tensor loss = Tensor.full(0, losses.dtype(), losses.shape());
            Tensor gradient = Tensor.full(0, student.dtype(), student.shape());
            if (weight < 1) {
                loss = distance.values.mul((1 - weight) * temperature * temperature);
                gradient = distance.gradient.mul(scale * (1 - weight) * temperature);
            }
            if (weight > 0) {
                var crossEntropy = CrossEntropy.of(student, labels);
                loss = loss.add(crossEntropy.losses.mul(weight));
                gradient = gradient.add(crossEntropy.gradient.mul(scale * weight));
            }
            losses.assign(loss);
            student.assign(gradient);
        }
    }

    /**
     * A divergence of rows, {@code [n]}, and its gradient by the student's logits over the temperature, {@code [n, vocabulary]}.
     */
    private record Distance(Tensor values, Tensor gradient) {
        /** Below it the terms of the series that are left out, from {@code d^5 / 120} on, are less than half a unit of f32's last place. */
        private static final double SMALL = 0.01;

        static Distance of(Divergence divergence, Tensor teacher, Tensor student, double factor) {
            Tensor a = teacher.sub(teacher.max(true, -1)).mul(factor);
            Tensor b = student.sub(student.max(true, -1)).mul(factor);
            Tensor teacherPowers = a.exp();
            Tensor studentPowers = b.exp();
            Tensor teacherSums = teacherPowers.sum(true, -1);
            Tensor studentSums = studentPowers.sum(true, -1);
            Tensor p = teacherPowers.div(teacherSums);
            Tensor q = studentPowers.div(studentSums);
            // log p - log q is a - b - shift
            Tensor shift = teacherSums.log().sub(studentSums.log());
            return switch (divergence) {
                case FORWARD_KL -> new Distance(relativeEntropy(p, q, a.sub(b).sub(shift)), q.sub(p));
                case REVERSE_KL -> {
                    Tensor ratio = b.sub(a.maximum(Tensor.scalar(LOWEST, a.dtype()))).add(shift);
                    yield new Distance(relativeEntropy(q, p, ratio), centred(q, ratio));
                }
                case JENSEN_SHANNON -> {
                    Tensor d = a.sub(b).sub(shift);
                    Tensor average = averageOverFirst(d);
                    Tensor other = averageOverFirst(d.neg());
                    yield new Distance(unlessZero(p, average.neg()).sum(-1).add(unlessZero(q, other.neg()).sum(-1)).div(2),
                            centred(q, other.neg()).div(2));
                }
            };
        }

        /**
         * {@code sum p d} with {@code d = log p - log q}, whose terms are added up as {@code p d + q - p}: the extra parts sum to nothing, every term
         * is then 0 or more, and for a small d it is {@code p (d^2 / 2 - d^3 / 6 + ...)}, so that nearly equal rows keep their digits.
         */
        private static Tensor relativeEntropy(Tensor p, Tensor q, Tensor d) {
            Tensor series = d.mul(1.0 / 24).sub(1.0 / 6).mul(d).add(0.5).mul(d).mul(d).mul(p);
            Tensor terms = unlessZero(p, d).add(q.sub(p));
            return Tensor.where(d.abs().lt(SMALL), series, terms).sum(-1);
        }

        /** The logarithm of {@code (p + q) / 2} over p, from {@code d = log p - log q}: of {@code (1 + e^-d) / 2}, without overflow. */
        private static Tensor averageOverFirst(Tensor d) {
            Tensor beyond = d.neg().maximum(Tensor.scalar(0, d.dtype()));
            return d.abs().neg().exp().add(1).div(2).log().add(beyond);
        }

        /** {@code probability (x - sum probability x)}. */
        private static Tensor centred(Tensor probability, Tensor x) {
            Tensor products = unlessZero(probability, x);
            return products.sub(probability.mul(products.sum(true, -1)));
        }

        /** {@code probability x}, 0 where the probability is 0, whatever x is. */
        private static Tensor unlessZero(Tensor probability, Tensor x) {
            return Tensor.where(probability.eq(0), Tensor.scalar(0, probability.dtype()), probability.mul(x));
        }
    }
}
