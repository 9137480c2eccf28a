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
    public Loss loss(Decoder model, Tensor ids, Tensor labels) {
        return new Loss(Functional.crossEntropy(new FactoredLogits(model.hidden(ids), model.headWeight()), labels), Double.NaN);
    }

    @Override
    public Loss loss(Decoder model, Tensor ids, Tensor labels, Tensor rows) {
        var logits = new FactoredLogits(LossRows.of(model.hidden(ids), rows), model.headWeight());
        return new Loss(Functional.crossEntropy(logits, labels.indexSelect(0, rows)), Double.NaN);
    }
}
