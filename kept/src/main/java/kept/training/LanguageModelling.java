package kept.training;

import kept.autograd.FactoredLogits;
import kept.model.Decoder;
import kept.nn.Functional;
import kept.tensor.Tensor;

/** Pre-training: the mean cross-entropy of the next token over all tokens. */
public final class LanguageModelling implements TrainingObjective {
    /** Creates the objective, which has no state. */
    public LanguageModelling() {}

    @Override
    public Loss loss(Decoder model, TrainingBatch batch) {
        return new Loss(Functional.crossEntropy(new FactoredLogits(model.hidden(batch.ids()), model.headWeight()), batch.labels()), Double.NaN);
    }

    @Override
    public Loss loss(Decoder model, TrainingBatch batch, Tensor rows) {
        var logits = new FactoredLogits(LossRows.of(model.hidden(batch.ids()), rows), model.headWeight());
        return new Loss(Functional.crossEntropy(logits, batch.labels().indexSelect(0, rows)), Double.NaN);
    }
}
