package kept.training;

import kept.optim.AdamW;
import kept.optim.LearningRateSchedule;

/**
 * The settings of a training run that determine its result.
 *
 * @param steps optimizer steps
 * @param batchSize sequences in one forward and backward pass
 * @param accumulation passes whose gradients are averaged into one step
 * @param sequenceLength tokens of a sequence
 * @param schedule the learning rate of each step
 * @param adamW the optimizer's settings; weight decay applies to matrices, not to norms and biases
 * @param maxGradientNorm gradients are scaled down to this global norm
 * @param storage the types of moments and parameters
 * @param reduction the order in which the gradients of the passes are added
 */
public record TrainingOptions(
        long steps,
        int batchSize,
        int accumulation,
        int sequenceLength,
        LearningRateSchedule schedule,
        AdamW.Settings adamW,
        double maxGradientNorm,
        AdamW.Storage storage,
        GradientReduction reduction) {
    /** Checks the ranges. */
    public TrainingOptions {
        if (steps < 1 || batchSize < 1 || accumulation < 1 || sequenceLength < 1) {
            throw new TrainingException("[training] steps, batch size, accumulation and sequence length must be at least 1, not %d, %d, %d, %d"
                    .formatted(steps, batchSize, accumulation, sequenceLength));
        }
        if (!(maxGradientNorm > 0)) {
            throw new TrainingException("[training] the largest gradient norm must be above 0, not " + maxGradientNorm);
        }
    }

    /**
     * Settings with moments of F32, parameters rounded to nearest and gradients added in a tree.
     *
     * @param steps optimizer steps
     * @param batchSize sequences in one forward and backward pass
     * @param accumulation passes whose gradients are averaged into one step
     * @param sequenceLength tokens of a sequence
     * @param schedule the learning rate of each step
     * @param adamW the optimizer
     * @param maxGradientNorm gradients are scaled down to this global norm
     */
    public TrainingOptions(long steps, int batchSize, int accumulation, int sequenceLength, LearningRateSchedule schedule, AdamW.Settings adamW,
            double maxGradientNorm) {
        this(steps, batchSize, accumulation, sequenceLength, schedule, adamW, maxGradientNorm, AdamW.Storage.PLAIN, GradientReduction.TREE);
    }

    /**
     * Settings with gradients added in a tree.
     *
     * @param steps optimizer steps
     * @param batchSize sequences in one forward and backward pass
     * @param accumulation passes whose gradients are averaged into one step
     * @param sequenceLength tokens of a sequence
     * @param schedule the learning rate of each step
     * @param adamW the optimizer
     * @param maxGradientNorm gradients are scaled down to this global norm
     * @param storage the types of moments and parameters
     */
    public TrainingOptions(long steps, int batchSize, int accumulation, int sequenceLength, LearningRateSchedule schedule, AdamW.Settings adamW,
            double maxGradientNorm, AdamW.Storage storage) {
        this(steps, batchSize, accumulation, sequenceLength, schedule, adamW, maxGradientNorm, storage, GradientReduction.TREE);
    }

    /**
     * The same settings with another number of steps; the schedule stays.
     *
     * @param other optimizer steps
     * @return the settings
     */
    public TrainingOptions withSteps(long other) {
        return new TrainingOptions(other, batchSize, accumulation, sequenceLength, schedule, adamW, maxGradientNorm, storage, reduction);
    }

    /**
     * The same settings with another schedule.
     *
     * @param other the learning rate of each step
     * @return the settings
     */
    public TrainingOptions withSchedule(LearningRateSchedule other) {
        return new TrainingOptions(steps, batchSize, accumulation, sequenceLength, other, adamW, maxGradientNorm, storage, reduction);
    }

    /**
     * The tokens of one optimizer step.
     *
     * @return batch size times accumulation times sequence length
     */
    public long tokensPerStep() {
        return (long) batchSize * accumulation * sequenceLength;
    }
}
