package kept.training;

import java.util.Optional;
import kept.autograd.Autograd;
import kept.corpus.TokenMask;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** One optimizer step: the forward and backward passes, which the ranks share, and the update of the parameters, which each rank does. */
final class TrainingStep implements AutoCloseable {
    /** The most token ids of a pass: those of an array. */
    private static final int MAX_IDS = Integer.MAX_VALUE - 8;

    private final Decoder model;
    private final TrainingObjective objective;
    private final TrainingOptions options;
    private final TrainingRanks ranks;
    private final StepGradients gradients;

    /**
     * What the passes of a step gave, the same in each rank.
     *
     * @param losses of all passes
     * @param clipping the norm of the gradients, and their factor
     */
    record Passes(PassLosses losses, GradientClipping clipping) {
        boolean areFinite() {
            return Double.isFinite(losses.loss()) && clipping.isFinite();
        }
    }

    /** Prepares the steps of a run. Matrices in BF16 have gradients in BF16, of the same size and precision. */
    TrainingStep(Decoder model, TrainingObjective objective, TrainingOptions options, TrainingRanks ranks) {
        if ((long) options.batchSize() * (options.sequenceLength() + 1L) > MAX_IDS) {
            throw new TrainingException(("[training] %,d sequences of %,d tokens are too many for one pass; lower --batch-size, and raise "
                    + "--accumulation").formatted(options.batchSize(), options.sequenceLength()));
        }
        this.model = model;
        this.objective = objective;
        this.options = options;
        this.ranks = ranks;
        StepGradients.check(options, ranks.communicator().size());
        model.parameters().values().stream().filter(parameter -> parameter.value().rank() >= 2 && parameter.value().dtype() == DType.BF16)
                .forEach(parameter -> parameter.setGradientType(DType.BF16));
        this.gradients = StepGradients.of(model, options, ranks);
    }

    Decoder model() {
        return model;
    }

    AdamW optimizer() {
        return gradients.optimizer();
    }

    /** The engine that adds the gradients of the ranks; empty if they are added in another order. */
    Optional<String> summingEngine() {
        return StepGradients.engine(model, options, ranks.communicator());
    }

    /** What is trained, as whole tensors. */
    TrainedTensors trained() {
        return gradients.trained();
    }

    /**
     * Does this rank's passes and takes the results of the others.
     *
     * @param position the number of sequences before those of the step
     * @param sequences token ids of each pass of the step, those that are not learnt from marked
     */
    Passes run(long position, int[]... sequences) {
        PassTokens[] tokens = PassTokens.of(options.sequenceLength(), sequences);
        var losses = new PassLosses(sequences.length);
        ranks.together();
        for (StepGradients.Turn turn : gradients.turns()) {
            accumulate(losses, turn, position + (long) turn.pass() * options.batchSize(), tokens[turn.pass()]);
            gradients.add(turn);
        }
        if (ranks.isStopWanted()) {
            losses.putStop();
        }
        losses.join(ranks.communicator());
        gradients.finish();
        var passes = new Passes(losses, gradients.clipping(options.maxGradientNorm()));
        ranks.alone();
        return passes;
    }

    /** One forward and backward pass, which adds its gradients to those there are. */
    private void accumulate(PassLosses losses, StepGradients.Turn turn, long position, PassTokens tokens) {
        long length = options.sequenceLength();
        ranks.beginPass();
        try (var _ = Scope.open(model.device())) {
            Tensor all = ids(tokens.ids());
            Tensor ids = all.slice(1, 0, length).contiguous();
            Tensor labels = all.slice(1, 1, length + 1).reshape(options.batchSize() * length);
            var batch = new TrainingBatch(ids, labels, position);
            TrainingObjective.Loss loss = tokens.areAll() ? objective.loss(model, batch) : objective.loss(model, batch, Tensor.of(tokens.rows()));
            gradients.backward(turn);
            Autograd.backwardOnce(loss.value(), Tensor.scalar(tokens.share(), DType.F32));
            if (turn.isOwn()) {
                losses.put(turn.pass(), tokens.weighted(loss.value().item()), tokens.weighted(loss.divergence()));
            }
        }
    }

    private Tensor ids(int... sequences) {
        return Tensor.of(sequences, options.batchSize(), options.sequenceLength() + 1L);
    }

    /**
     * Updates the parameters by finite gradients, and frees these.
     *
     * @param step the number of the step
     * @param rate its learning rate
     * @return the metrics of the step, without its time
     */
    StepMetrics update(long step, double rate, Passes passes) {
        gradients.optimizer().setStepCount(step - 1);
        gradients.update(rate, passes.clipping.scale());
        return new StepMetrics(step, options.steps(), passes.losses.loss(), passes.losses.divergence(), passes.clipping.norm(), rate,
                step * options.tokensPerStep(), Double.NaN);
    }

    /**
     * Finds what is not finite, and frees the gradients.
     *
     * @param step the number of the step
     * @param sequences token ids of each pass of the step
     */
    NonFiniteException nonFinite(long step, Passes passes, int[]... sequences) {
        double loss = passes.losses.loss();
        int failing = passes.losses.firstNonFinite();
        String what = "[training] step %d: %s: ".formatted(step, Double.isFinite(loss)
                ? "the loss is %.4g, but the gradients' norm is %s".formatted(loss, passes.clipping.norm()) : "the loss is " + loss);
        Optional<String> teacher = Optional.empty();
        Optional<String> student = Optional.empty();
        if (failing == sequences.length) {
            student = gradients.nonFinite();
        }
        gradients.clear();
        if (failing < sequences.length) {
            try (var _ = Scope.open(model.device())) {
                Tensor ids = ids(TokenMask.ids(sequences[failing])).slice(1, 0, options.sequenceLength()).contiguous();
                teacher = objective.nonFinite(ids);
                student = teacher.isPresent() ? student : NonFinite.in(model, ids);
            }
        }
        return teacher.isPresent() ? new NonFiniteException(what + teacher.get(), true)
                : new NonFiniteException(what + student.orElse("each is finite, but the sum of their squares overflows"), false);
    }

    /** Continues as after a number of steps, with moments of zero. */
    void clearMoments(long steps) {
        gradients.clearMoments(steps);
    }

    /** Drops the gradients of a step that is not finite. */
    void drop() {
        gradients.clear();
    }

    @Override
    public void close() {
        gradients.close();
    }
}
