package kept.training;

import kept.tensor.Tensor;

/**
 * The sequences of a forward and backward pass.
 *
 * @param ids token ids {@code [batch, sequence]}, I64
 * @param labels the token after each of them {@code [batch * sequence]}, I64; null if the objective needs none
 * @param position the number of sequences in the training text's order before the first
 */
public record TrainingBatch(Tensor ids, Tensor labels, long position) {}
