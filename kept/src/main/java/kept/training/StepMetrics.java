package kept.training;

/**
 * The metrics of one optimizer step.
 *
 * @param step the step's number, from 1
 * @param steps the run's steps
 * @param loss the mean loss over the step's tokens, in nats
 * @param divergence the mean divergence from the teacher in nats per token; NaN without a teacher
 * @param gradientNorm the global norm of the gradients before clipping
 * @param learningRate the step's learning rate
 * @param tokens the tokens trained on so far, including this step
 * @param seconds the duration of the step; NaN if it was lost
 */
public record StepMetrics(
        long step, long steps, double loss, double divergence, double gradientNorm, double learningRate, long tokens, double seconds) {

    /** The same metrics with another duration. */
    StepMetrics withSeconds(double other) {
        return new StepMetrics(step, steps, loss, divergence, gradientNorm, learningRate, tokens, other);
    }
}
