package kept.backend;

/**
 * The numbers of one AdamW step (Loshchilov and Hutter, arXiv 1711.05101).
 *
 * @param step the step's number, from 1: the bias corrections are {@code 1 - beta^step}
 * @param learningRate the learning rate of this step
 * @param beta1 the decay of the first moment
 * @param beta2 the decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay the decoupled decay: the parameter shrinks by {@code learningRate * weightDecay} of itself
 * @param gradientScale what gradients are multiplied by first, for clipping by global norm
 */
public record AdamWStep(
        long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double gradientScale) {}
