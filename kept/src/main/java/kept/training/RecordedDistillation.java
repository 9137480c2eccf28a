package kept.training;

import java.util.function.UnaryOperator;
import kept.autograd.DistillationLoss;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.model.Decoder;
import kept.nn.Functional;
import kept.recording.Recording;
import kept.tensor.Tensor;

/**
 * XKD without a teacher in memory: the mean divergence of the student's next-token distribution from what was recorded of the teacher's. With the
 * most likely tokens and the probability of the rest it is a lower bound of the whole divergence; with samples an unbiased estimate of it.
 */
public final class RecordedDistillation implements TrainingObjective {
    private final Recording recording;
    private final DistillationObjective objective;

    /**
     * Creates the objective for a recording.
     *
     * @param recording of the training text, in the order of training; not closed by this objective
     * @param objective the formula of a token's loss, with the forward divergence
     */
    public RecordedDistillation(Recording recording, DistillationObjective objective) {
        this.recording = recording;
        this.objective = objective;
    }

    @Override
    public Loss loss(Decoder model, TrainingBatch batch) {
        return loss(model, batch, batch.labels(), UnaryOperator.identity(), UnaryOperator.identity());
    }

    @Override
    public Loss loss(Decoder model, TrainingBatch batch, Tensor rows) {
        return loss(model, batch, batch.labels().indexSelect(0, rows), hidden -> LossRows.of(hidden, rows), all -> all.indexSelect(0, rows));
    }

    private Loss loss(Decoder model, TrainingBatch batch, Tensor labels, UnaryOperator<Tensor> ofHidden, UnaryOperator<Tensor> ofDistributions) {
        int sequences = Math.toIntExact(batch.ids().size(0));
        DistillationLoss loss = Functional.sparseDistillationLoss(
                new FactoredLogits(ofHidden.apply(model.hidden(batch.ids())), model.headWeight()),
                recording.distributions(batch.position(), sequences).map(ofDistributions),
                objective.crossEntropyWeight() > 0 ? labels : null,
                objective);
        return new Loss(loss.loss(), loss.divergence().item());
    }
}
