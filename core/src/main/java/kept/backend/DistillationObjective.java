package kept.backend;

import kept.tensor.internal.Arguments;

/**
 * The loss of a row of logits: {@code (1 - crossEntropyWeight) * temperature^2 * D(p, q) + crossEntropyWeight * CE}, where p and q are the softmax of
 * the teacher's and the student's logits divided by the temperature, D is the divergence, and CE is the cross-entropy of the student's logits (at
 * temperature 1) against the true next token. The factor temperature^2 keeps gradients at one scale (Hinton et al. 2015, arXiv 1503.02531).
 *
 * @param divergence D
 * @param temperature above 0; 1 leaves the distributions as they are
 * @param crossEntropyWeight from 0 (divergence alone) to 1 (cross-entropy alone)
 */
public record DistillationObjective(Divergence divergence, double temperature, double crossEntropyWeight) {
    /** The paper's objective as this project reads it: forward KL at temperature 1. */
    public static final DistillationObjective FORWARD_KL = new DistillationObjective(Divergence.FORWARD_KL, 1, 0);

    /** Checks the ranges. */
    public DistillationObjective {
        Arguments.present("distillation", "the divergence", divergence);
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("[distillation] temperature must be above 0, not " + temperature);
        }
        if (!(crossEntropyWeight >= 0 && crossEntropyWeight <= 1)) {
            throw new IllegalArgumentException("[distillation] cross-entropy weight must lie in 0 to 1, not " + crossEntropyWeight);
        }
    }
}
