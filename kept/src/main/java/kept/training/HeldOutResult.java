package kept.training;

/**
 * The fidelity of a student on held-out text at one step of the training, with the weights that would be stored.
 *
 * @param step the steps done, 0 for the mapping
 * @param tokens the tokens trained on
 * @param klMean mean of KL(teacher || student) in nats per token
 * @param top1Agreement the share of positions at which both models' most likely next token is the same
 */
public record HeldOutResult(long step, long tokens, double klMean, double top1Agreement) {}
