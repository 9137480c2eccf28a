package kept.training;

import java.util.List;
import java.util.Optional;
import kept.distributed.Communicator;
import kept.model.Decoder;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.optim.GradientClipping;

/** The gradients of a step, from those of its passes, which the ranks share, and the optimizer that takes them. */
sealed interface StepGradients extends AutoCloseable permits WholeGradients, DividedGradients {
    /**
     * One pass of this rank.
     *
     * @param pass its number in the step
     * @param isOwn whether its gradients and losses count; if not, another rank does the pass too, and this one does it to make the same calls
     */
    record Turn(int pass, boolean isOwn) {}

    /** The gradients of a model, whole in each rank or divided. */
    static StepGradients of(Decoder model, TrainingOptions options, TrainingRanks ranks) {
        return ranks.dividedStudent() == null ? new WholeGradients(model, options, ranks.communicator())
                : new DividedGradients(model, options, ranks);
    }

    /**
     * Checks that ranks can share the passes of a step.
     *
     * @throws TrainingException if there are ranks without a pass, or several where gradients are added one after another
     */
    static void check(TrainingOptions options, int ranks) {
        if (ranks > options.accumulation()) {
            throw new TrainingException(("[training] %d ranks share the passes of a step, and --accumulation is %d; give at least one pass to each, "
                    + "such as --batch-size 1 --accumulation %d").formatted(
                            ranks, options.accumulation(), Math.max(ranks, (long) options.batchSize() * options.accumulation())));
        }
        if (ranks > 1 && options.reduction() == GradientReduction.SERIAL) {
            throw new TrainingException(
                    "[training] --reduction serial adds the gradients of one rank; %d ranks need tree or engine".formatted(ranks));
        }
    }

    /** The engine that adds the gradients of a run; empty if they are added in another order, perhaps since no engine adds those of all types. */
    static Optional<String> engine(Decoder model, TrainingOptions options, Communicator ranks) {
        if (options.reduction() != GradientReduction.ENGINE) {
            return Optional.empty();
        }
        List<Optional<String>> engines = model.parameters().values().stream().filter(Parameter::isTrainable).map(Parameter::gradientType).distinct()
                .map(type -> ranks.summingEngine(type, model.device())).toList();
        return engines.contains(Optional.<String>empty()) || engines.isEmpty() ? Optional.empty() : engines.getFirst();
    }

    /** The optimizer of what this rank updates. */
    AdamW optimizer();

    /** What is trained, as whole tensors. */
    TrainedTensors trained();

    /** The passes that this rank does, in order. */
    List<Turn> turns();

    /** Says that the backward pass of a turn begins. */
    void backward(Turn turn);

    /** Takes the parameters' gradients, which are those of this rank's next pass alone, and frees those that do not hold the sum. */
    void add(Turn turn);

    /** Adds the gradients of the other ranks' passes, after this rank's last one. */
    void finish();

    /** The norm of all gradients, and the factor that limits it: the same in each rank. */
    GradientClipping clipping(double limit);

    /** The first parameter whose gradient is not finite, in words. */
    Optional<String> nonFinite();

    /** Updates the parameters, and frees the gradients. */
    void update(double learningRate, double scale);

    /** Continues as after a number of steps, with moments of zero. */
    void clearMoments(long steps);

    /** Frees gradients and sums of a step that is not finished. */
    void clear();

    @Override
    void close();
}
