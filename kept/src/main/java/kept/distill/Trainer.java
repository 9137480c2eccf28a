package kept.distill;

import java.nio.file.Path;
import java.util.Map;
import kept.autograd.Autograd;
import kept.model.Decoder;
import kept.optim.AdamW;
import kept.optim.GradientClipping;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * The training loop: sequences in a fixed order, gradients averaged over accumulated passes, clipping by global norm, AdamW. All that a step leaves
 * behind is in the model, the optimizer, the step's number and the place in the data, so that a run taken up from a saved state goes on with the same
 * bits.
 */
public final class Trainer implements AutoCloseable {
    private final Decoder model;
    private final TrainingObjective objective;
    private final TokenSequences data;
    private final TrainingOptions options;
    private final AdamW optimizer;
    private long step;

    /**
     * A run that has not taken a step. Matrices in BF16 get gradients in BF16: as large as they are, and as exact as what is made of them.
     *
     * @param model the model to train; its trainable parameters are changed
     * @param objective what to make smaller
     * @param data sequences of the options' length with one token of look-ahead
     * @param options the settings
     */
    public Trainer(Decoder model, TrainingObjective objective, TokenSequences data, TrainingOptions options) {
        this.model = model;
        this.objective = objective;
        this.data = data;
        this.options = options;
        model.parameters().values().stream().filter(parameter -> parameter.value().rank() >= 2 && parameter.value().dtype() == DType.BF16)
                .forEach(parameter -> parameter.setGradientType(DType.BF16));
        this.optimizer = new AdamW(model.parameters(), options.adamW(), AdamW.Decay.MATRICES, options.storage());
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
     * The steps done.
     *
     * @return the number of the last step, 0 before the first
     */
    public long step() {
        return step;
    }

    /**
     * Does one optimizer step on the next sequences.
     *
     * @return what it showed
     * @throws TrainingException if loss or gradients are not finite; the parameters are those of the step before
     */
    public StepMetrics next() {
        long start = System.nanoTime();
        double loss = 0;
        double divergence = 0;
        for (int pass = 0; pass < options.accumulation(); pass++) {
            Measured measured = accumulate(data.next(options.batchSize()));
            loss += measured.loss / options.accumulation();
            divergence += measured.divergence / options.accumulation();
        }
        GradientClipping gradients = GradientClipping.globalNorm(model.parameters().values(), options.maxGradientNorm());
        if (!Double.isFinite(loss) || !gradients.isFinite()) {
            throw new TrainingException("[training] step %d: loss %s, gradient norm %s; lower the learning rate or the gradient norm allowed"
                    .formatted(step + 1, loss, gradients.norm()));
        }
        step++;
        double rate = options.schedule().at(step);
        optimizer.step(rate, gradients.scale());
        optimizer.clearGradients();
        return new StepMetrics(step, options.steps(), loss, divergence, gradients.norm(), rate, step * options.tokensPerStep(),
                (System.nanoTime() - start) / 1e9);
    }

    /** One forward and backward pass; its gradients add to those of the passes before. */
    private Measured accumulate(int... sequences) {
        long batch = options.batchSize();
        long length = options.sequenceLength();
        try (var _ = Scope.open(model.device())) {
            Tensor all = Tensor.of(sequences, batch, length + 1);
            Tensor ids = all.slice(1, 0, length).contiguous();
            Tensor labels = all.slice(1, 1, length + 1).reshape(batch * length);
            TrainingObjective.Loss loss = objective.loss(model, ids, labels);
            Autograd.backwardOnce(loss.value(), Tensor.scalar(1.0 / options.accumulation(), DType.F32));
            return new Measured(loss.value().item(), loss.divergence());
        }
    }

    private record Measured(double loss, double divergence) {}

    /**
     * Writes all that a run needs to go on with the same bits, whole or not at all.
     *
     * @param file where to
     * @param settings what the run must be resumed with, by name
     * @param heldOut the results on held-out text so far
     */
    public void save(Path file, Map<String, String> settings, HeldOutCurve heldOut) {
        TrainingState.save(file, optimizer, new TrainingState.Place(step, data.position(), heldOut), settings);
    }

    /**
     * Takes a run up from a saved state.
     *
     * @param file what {@link #save} wrote
     * @param settings those of this run
     * @return the results on held-out text up to its step
     * @throws TrainingException if the state was saved with other settings, naming them
     */
    public HeldOutCurve restore(Path file, Map<String, String> settings) {
        TrainingState.Place place = TrainingState.restore(file, optimizer, settings);
        step = place.step();
        data.seek(place.position());
        return place.heldOut();
    }

    /** Frees the optimizer's moments; the model stays. */
    @Override
    public void close() {
        optimizer.close();
    }
}
