package kept.autograd;

import kept.tensor.Tensor;

/**
 * The distillation loss of a student and its divergence from the teacher.
 *
 * @param loss a scalar, F32, differentiable: the objective averaged over all rows
 * @param divergence a scalar, F32, not recorded: the divergence averaged over all rows, in nats, without weight or temperature^2
 */
public record DistillationLoss(Tensor loss, Tensor divergence) {}
