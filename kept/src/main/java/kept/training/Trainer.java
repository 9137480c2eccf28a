package kept.training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import kept.autograd.Autograd;
import kept.corpus.TokenSequences;
import kept.distributed.Communicator;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The training loop: sequences in a fixed order, gradients averaged over accumulated passes, clipping by global norm, AdamW. The state after a step
 * is the model, the optimizer, the step's number and the position in the data, so that a run resumed from a saved state continues with the same bits.
 */
public final class Trainer implements AutoCloseable {
    /** The most token ids of a pass: those of an array. */
    private static final int MAX_IDS = Integer.MAX_VALUE - 8;

    private final Decoder model;
    private final TrainingObjective objective;
    private final TokenSequences data;
    private final TrainingOptions options;
    private final AdamW optimizer;
    private final Communicator ranks;
    private final StepGradients gradients;
    private long step;
    /** The position in the data after the last step. */
    private long position;

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
     * Creates a run before its first step, which several ranks share: each does its part of the passes of a step, and all have the same gradients,
     * parameters, moments and metrics after it. They are those of a single rank, bit for bit.
     *
     * @param model the model to train, equal in each rank; its trainable parameters are changed
     * @param objective the loss to minimise
     * @param data sequences of the options' length with one token of look-ahead, the same in each rank
     * @param options the settings of the run, the same in each rank
     * @param ranks this rank and the others, which the caller closes
     * @throws TrainingException if the ids of one pass do not fit an array, or a step has fewer passes than there are ranks
     */
    public Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options, Communicator ranks) {
        if ((long) options.batchSize() * (options.sequenceLength() + 1L) > MAX_IDS) {
            throw new TrainingException(("[training] %,d sequences of %,d tokens are too many for one pass; lower --batch-size, and raise "
                    + "--accumulation").formatted(options.batchSize(), options.sequenceLength()));
        }
        this.model = model;
        this.objective = objective;
        this.data = data;
        this.options = options;
        this.position = data.position();
        model.parameters().values().stream().filter(parameter -> parameter.value().rank() >= 2 && parameter.value().dtype() == DType.BF16)
                .forEach(parameter -> parameter.setGradientType(DType.BF16));
        this.optimizer = new AdamW(model.parameters(), options.adamW(), AdamW.Decay.MATRICES, options.storage());
        this.ranks = ranks;
        try {
            this.gradients = new StepGradients(optimizer.parameters(), options, ranks);
        } catch (TrainingException e) {
            optimizer.close();
            throw e;
        }
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
        var losses = new PassLosses(options.accumulation());
        int[][] sequences = new int[options.accumulation()][];
        for (int pass = 0; pass < sequences.length; pass++) {
            sequences[pass] = data.next(options.batchSize());
            if (gradients.isOwn(pass)) {
                accumulate(losses, pass, sequences[pass]);
                gradients.add();
            }
        }
        losses.join(ranks);
        gradients.finish();
        double loss = losses.loss();
        GradientClipping clipping = GradientClipping.globalNorm(model.parameters().values(), options.maxGradientNorm());
        int failing = losses.firstNonFinite();
        if (failing < sequences.length || !clipping.isFinite()) {
            throw nonFinite(loss, clipping.norm(), failing < sequences.length ? sequences[failing] : null);
        }
        beforeUpdate.run();
        step++;
        double rate = options.schedule().at(step);
        optimizer.step(rate, clipping.scale());
        optimizer.clearGradients();
        position = data.position();
        return new StepMetrics(step, options.steps(), loss, losses.divergence(), clipping.norm(), rate, step * options.tokensPerStep(),
                (System.nanoTime() - start) / 1e9);
    }

    private NonFiniteException nonFinite(double loss, double norm, int... failing) {
        String what = "[training] step %d: %s: ".formatted(step + 1, Double.isFinite(loss)
                ? "the loss is %.4g, but the gradients' norm is %s".formatted(loss, norm) : "the loss is " + loss);
        Optional<String> teacher = Optional.empty();
        Optional<String> student = Optional.empty();
        if (failing == null) {
            SequencedMap<String, Tensor> all = new LinkedHashMap<>();
            model.parameters().forEach((name, parameter) -> all.put(name, parameter.gradient()));
            student = NonFinite.first("the gradient of", all);
        }
        optimizer.clearGradients();
        if (failing != null) {
            try (var _ = Scope.open(model.device())) {
                Tensor ids = ids(failing).slice(1, 0, options.sequenceLength()).contiguous();
                teacher = objective.nonFinite(ids);
                student = teacher.isPresent() ? student : NonFinite.in(model, ids);
            }
        }
        return teacher.isPresent() ? new NonFiniteException(what + teacher.get(), true)
                : new NonFiniteException(what + student.orElse("each is finite, but the sum of their squares overflows"), false);
    }

    private Tensor ids(int... sequences) {
        return Tensor.of(sequences, options.batchSize(), options.sequenceLength() + 1L);
    }

    /** One forward and backward pass, which adds its gradients to those there are. */
    private void accumulate(PassLosses losses, int pass, int... sequences) {
        long batch = options.batchSize();
        long length = options.sequenceLength();
        try (var _ = Scope.open(model.device())) {
            Tensor all = ids(sequences);
            Tensor ids = all.slice(1, 0, length).contiguous();
            Tensor labels = all.slice(1, 1, length + 1).reshape(batch * length);
            TrainingObjective.Loss loss = objective.loss(model, ids, labels);
            Autograd.backwardOnce(loss.value(), Tensor.scalar(1.0 / options.accumulation(), DType.F32));
            losses.put(pass, loss.value().item(), loss.divergence());
        }
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
        TrainingState.save(file, optimizer, new TrainingState.Place(step, position, heldOut, metrics, notFinite), settings);
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
        TrainingState.Place place = TrainingState.restore(file, optimizer, settings);
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
        step = TrainingState.restore(file, optimizer, settings).step();
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
        optimizer.clearMoments(earlier);
        step = earlier;
        position = data.position();
    }

    /** Frees the optimizer's moments; the model and the communicator stay. */
    @Override
    public void close() {
        gradients.close();
        optimizer.close();
    }
}
