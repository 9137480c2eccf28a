package kept.autograd;

import kept.backend.DistillationObjective;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The losses over a large vocabulary as plain operations that hold all logits, differentiable. */
final class PlainLosses {
    private PlainLosses() {}

    /** What {@link LinearCrossEntropy#apply} computes. */
    static Tensor crossEntropy(FactoredLogits logits, Tensor labels) {
        return crossEntropies(logits, labels).sum().div(labels.ge(0).cast(DType.F32).sum());
    }

    /** The loss of each row, 0 where the label is negative. */
    private static Tensor crossEntropies(FactoredLogits logits, Tensor labels) {
        Tensor targets = labels.reshape(logits.rowCount(), 1);
        Tensor chosen = product(logits).logSoftmax(-1).gather(-1, targets.maximum(Tensor.scalar(0, labels.dtype())));
        return chosen.neg().mul(targets.ge(0).cast(DType.F32)).squeeze(1);
    }

    private static Tensor product(FactoredLogits logits) {
        Tensor rows = logits.hidden().reshape(logits.rowCount(), logits.hidden().size(-1));
        return rows.cast(DType.F32).linear(logits.head().cast(DType.F32));
    }

    /** The loss that {@link LinearDistillation#apply} computes. */
    static Tensor distillation(FactoredLogits student, FactoredLogits teacher, Tensor labels, DistillationObjective objective) {
        double temperature = objective.temperature();
        double weight = objective.crossEntropyWeight();
        Tensor logP = product(teacher).detach().div(temperature).logSoftmax(-1);
        Tensor logQ = product(student).div(temperature).logSoftmax(-1);
        Tensor divergence = switch (objective.divergence()) {
            case FORWARD_KL -> relativeEntropy(logP, logQ);
            case REVERSE_KL -> relativeEntropy(logQ, logP);
            case JENSEN_SHANNON -> {
                Tensor logM = logP.exp().add(logQ.exp()).div(2).log();
                yield relativeEntropy(logP, logM).add(relativeEntropy(logQ, logM)).div(2);
            }
        };
        Tensor losses = divergence.mul((1 - weight) * temperature * temperature);
        if (weight > 0) {
            losses = losses.add(crossEntropies(student, labels).mul(weight));
        }
        return losses.mean();
    }

    private static Tensor relativeEntropy(Tensor logA, Tensor logB) {
        return logA.exp().mul(logA.sub(logB)).sum(-1);
    }
}
