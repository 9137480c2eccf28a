package kept.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kept.corpus.TokenSequences;
import kept.distributed.Communicator;
import kept.model.Decoder;
import kept.model.NonFiniteException;

/**
 * The training loop: sequences in a fixed order, gradients averaged over accumulated passes, clipping by global norm, AdamW. The state after a step
 * is the model, the optimizer, the step's number and the position in the data, so that a run resumed from a saved state continues with the same bits.
 */
public final class Trainer implements AutoCloseable {
    private final TrainingStep work;
    private final TokenSequences data;
    private final TrainingOptions options;
    private final SharedTraining shared;
    /** Closed with this run; null if the caller closes them. */
    private final TrainingRanks own;
    private long step;
    /** The position in the data after the last step. */
    private long position;
    private boolean stopWanted;

    /**
     * Creates a run before its first step. Matrices in BF16 have gradients in BF16, of the same size and precision.
     *
     * @param model the model to train; its trainable parameters are changed
     * @param objective the loss to minimise
     * @param data sequences of the options' length with one token of look-ahead
     * @param options the settings
     * @throws TrainingException if the ids of one pass do not fit an array
     */
    public Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options) {
        this(model, objective, data, options, Communicator.single());
    }

    /**
     * Creates a run before its first step, which other ranks share: each has a {@link TrainingFollower}, and nothing is divided. {@link #close} ends
     * the followers.
     *
     * @param model the model to train; its trainable parameters are changed
     * @param objective the loss to minimise
     * @param data sequences of the options' length with one token of look-ahead
     * @param options the settings
     * @param ranks rank 0 and the others, which the caller closes
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options, Communicator ranks) {
        this(model, objective, data, options, new TrainingRanks(ranks, Sharding.NONE, model.device()), true);
    }

    /**
     * Creates a run before its first step, which other ranks share: each has a {@link TrainingFollower}. The parameters, moments and metrics of each
     * step are those of a single rank, bit for bit.
     *
     * @param model the model to train; its trainable parameters are changed
     * @param objective the loss to minimise
     * @param data sequences of the options' length with one token of look-ahead
     * @param options the settings
     * @param ranks rank 0 and the others, with teacher and student; the caller closes them
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options, TrainingRanks ranks) {
        this(model, objective, data, options, ranks, false);
    }

    private Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options, TrainingRanks ranks, boolean isOwn) {
        this.data = data;
        this.options = options;
        this.position = data.position();
        this.work = new TrainingStep(model, objective, options, ranks);
        this.own = isOwn ? ranks : null;
        this.shared = new SharedTraining(ranks, work);
    }

    /**
     * Whether all steps are done.
     *
     * @return true at the end of the run
     */
    public boolean isFinished() {
        return step >= options.steps();
    }

    /**
     * The number of completed steps.
     *
     * @return the number of the last step, 0 before the first
     */
    public long step() {
        return step;
    }

    /**
     * Does one optimizer step on the next sequences.
     *
     * @return its metrics
     * @throws NonFiniteException if loss or gradients are not finite; the parameters are those of the step before
     */
    public StepMetrics next() {
        return next(() -> { });
    }

    /**
     * Does one optimizer step on the next sequences.
     *
     * @param beforeUpdate called when loss and gradients are known to be finite and nothing has changed yet; may {@link #save} the step before
     * @return its metrics
     * @throws NonFiniteException if loss or gradients are not finite, naming the first tensor that is not; the parameters are those of the step
     *     before
     */
    public StepMetrics next(Runnable beforeUpdate) {
        long start = System.nanoTime();
        long first = data.position();
        int[][] sequences = new int[options.accumulation()][];
        for (int pass = 0; pass < sequences.length; pass++) {
            sequences[pass] = data.next(options.batchSize());
        }
        TrainingStep.Passes passes = shared.passes(step, first, sequences);
        stopWanted |= passes.losses().isStopWanted();
        if (!passes.areFinite()) {
            shared.drop();
            throw work.nonFinite(step + 1, passes, sequences);
        }
        beforeUpdate.run();
        // The step counts when it is done: where a rank is lost before, the state of the step before is saved.
        StepMetrics metrics = shared.update(step + 1, options.schedule().at(step + 1), passes);
        step++;
        position = data.position();
        return metrics.withSeconds((System.nanoTime() - start) / 1e9);
    }

    /**
     * Who adds the gradients if that was left to the {@linkplain GradientReduction#ENGINE engine} between the ranks, and what follows from it.
     *
     * @return one line; empty for another reduction
     */
    public Optional<String> engineInWords() {
        if (options.reduction() != GradientReduction.ENGINE) {
            return Optional.empty();
        }
        return Optional.of("--reduction engine: " + work.summingEngine()
                .map("%s adds the gradients of the ranks; the bits of the result depend on the number of ranks"::formatted)
                .orElse("the gradients are added in the tree, since nothing between the ranks adds them itself"));
    }

    /**
     * Whether another rank was asked to stop by the last step ({@link TrainingRanks#onStop}); the caller then ends the run, or goes on.
     *
     * @return false with one rank
     */
    public boolean isStopWanted() {
        return stopWanted;
    }

    /**
     * Whether this rank can save the state without the others.
     *
     * @return false if a part of it lies in other ranks
     */
    public boolean hasWholeState() {
        return shared.isWhole();
    }

    /**
     * Saves the state from which a run resumes with the same bits. The file is written completely or not at all.
     *
     * @param file the file to write
     * @param settings the settings that a resumed run must have, by name
     * @param heldOut the results on held-out text so far
     */
    public void save(Path file, Map<String, String> settings, HeldOutCurve heldOut) {
        save(file, settings, heldOut, List.of(), null);
    }

    /**
     * Saves the state from which a run resumes with the same bits. The file is written completely or not at all.
     *
     * @param file the file to write
     * @param settings the settings that a resumed run must have, by name
     * @param heldOut the results on held-out text so far
     * @param metrics the metrics of the steps so far
     * @param notFinite how the run met NaN or infinity after this state; null if it did not
     */
    public void save(Path file, Map<String, String> settings, HeldOutCurve heldOut, List<StepMetrics> metrics, String notFinite) {
        TrainingState.save(file, work.trained(), new TrainingState.Place(step, position, heldOut, metrics, notFinite), settings);
    }

    /**
     * Resumes a run from a saved state.
     *
     * @param file what {@link #save} wrote
     * @param settings those of this run
     * @return its progress
     * @throws TrainingException if the state was saved with other settings, naming them
     */
    public TrainingState.Place restore(Path file, Map<String, String> settings) {
        shared.renew();
        TrainingState.Place place = TrainingState.restore(file, work.trained(), settings);
        step = place.step();
        data.seek(place.position());
        position = place.position();
        return place;
    }

    /**
     * Returns to a state of this run, but not to its position in the data, after a step whose numbers were not finite.
     *
     * @param file what {@link #save} wrote
     * @param settings those of this run
     * @return the step of the state
     */
    public long goBack(Path file, Map<String, String> settings) {
        shared.renew();
        step = TrainingState.restore(file, work.trained(), settings).step();
        position = data.position();
        return step;
    }

    /**
     * Restarts after an earlier step, with the current parameters and moments of zero, and continues in the data, after a step whose numbers were not
     * finite.
     *
     * @param earlier the number of steps that count as completed
     */
    public void restart(long earlier) {
        shared.clearMoments(earlier);
        step = earlier;
        position = data.position();
    }

    /** Frees the optimizer's moments, and ends the followers of a {@link Communicator}; model and ranks stay. */
    @Override
    public void close() {
        try {
            if (own != null) {
                own.close();
            }
        } finally {
            work.close();
        }
    }
}
