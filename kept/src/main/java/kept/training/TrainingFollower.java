package kept.training;

import java.util.Arrays;
import kept.distributed.Communicator;
import kept.model.Decoder;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The part of a rank other than 0 in a training run: it obeys rank 0, does its passes of each step that the {@link Trainer} there begins, and sends
 * and takes its parts of what lies divided. It needs no text, and its model has the parameters of rank 0 before the first step.
 */
public final class TrainingFollower implements AutoCloseable {
    private final TrainingOptions options;
    private final TrainingRanks ranks;
    private final TrainingStep work;

    /**
     * Joins a run before its first step, in which nothing is divided.
     *
     * @param model a model of the sizes, dtypes and trainable parameters of rank 0's; its parameters are overwritten
     * @param objective the loss to minimise, as in rank 0
     * @param options the settings, those of rank 0
     * @param ranks this rank and the others, which the caller closes
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public TrainingFollower(Decoder model, TrainingObjective objective, TrainingOptions options, Communicator ranks) {
        this(model, objective, options, new TrainingRanks(ranks, Sharding.NONE, model.device()));
    }

    /**
     * Joins a run before its first step.
     *
     * @param model a model of the sizes, dtypes and trainable parameters of rank 0's; its parameters are overwritten
     * @param objective the loss to minimise, as in rank 0
     * @param options the settings, those of rank 0
     * @param ranks this rank and the others, with teacher and student
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public TrainingFollower(Decoder model, TrainingObjective objective, TrainingOptions options, TrainingRanks ranks) {
        this.options = options;
        this.ranks = ranks;
        this.work = new TrainingStep(model, objective, options, ranks);
    }

    /**
     * Obeys rank 0 until it ends the run.
     *
     * @throws kept.distributed.RankException if another rank fails
     */
    public void run() {
        TrainingStep.Passes passes = null;
        while (true) {
            TrainingRanks.Order order = ranks.receive();
            switch (order.kind()) {
                case END -> {
                    return;
                }
                case STATE -> SharedTraining.shareState(ranks, work);
                case PASSES -> passes = work.run(order.numbers()[0], sequences());
                case UPDATE -> work.update(order.numbers()[0], Double.longBitsToDouble(order.numbers()[1]), passes);
                case DROP -> work.drop();
                case CLEAR -> work.clearMoments(order.numbers()[0]);
                default -> ranks.serve(order, work.model());
            }
        }
    }

    /** The token ids of each pass, from rank 0. */
    private int[][] sequences() {
        int[][] sequences = new int[options.accumulation()][];
        try (var _ = Scope.open(Device.cpu())) {
            Tensor received = Tensor.empty(DType.I32, Shape.of(options.batchSize() * (options.sequenceLength() + 1L)));
            for (int pass = 0; pass < sequences.length; pass++) {
                ranks.communicator().broadcast(received, 0);
                sequences[pass] = Arrays.stream(received.toLongArray()).mapToInt(Math::toIntExact).toArray();
            }
        }
        return sequences;
    }

    /** Frees the optimizer's moments; the model and the ranks stay. */
    @Override
    public void close() {
        work.close();
    }
}
