package kept.training;

import kept.distributed.Communicator;
import kept.model.Decoder;

/**
 * The part of a rank other than 0 in a training run: it does its passes of each step that the {@link Trainer} of rank 0 begins. It needs no text, and
 * its model has the parameters of rank 0 before the first step.
 */
public final class TrainingFollower implements AutoCloseable {
    private final TrainingOptions options;
    private final TrainingStep work;
    private final SharedTraining shared;

    /**
     * Joins a run before its first step.
     *
     * @param model a model of the sizes, dtypes and trainable parameters of rank 0's; its parameters are overwritten
     * @param objective the loss to minimise, as in rank 0
     * @param options the settings, those of rank 0
     * @param ranks this rank and the others, which the caller closes
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public TrainingFollower(Decoder model, TrainingObjective objective, TrainingOptions options, Communicator ranks) {
        this.options = options;
        this.work = new TrainingStep(model, objective, options, ranks);
        this.shared = new SharedTraining(ranks, work);
    }

    /**
     * Does its part of the steps until rank 0 ends the training.
     *
     * @throws kept.distributed.RankException if another rank fails
     */
    public void run() {
        shared.follow(options.accumulation(), options.batchSize() * (options.sequenceLength() + 1));
    }

    /** Frees the optimizer's moments; the model and the communicator stay. */
    @Override
    public void close() {
        work.close();
    }
}
