package kept.training;

import java.util.Optional;
import java.util.function.UnaryOperator;
import kept.autograd.Autograd;
import kept.autograd.DistillationLoss;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.nn.Functional;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * XKD: the mean divergence of the student's next-token distribution from the frozen teacher's over all tokens. The logits of all tokens are never in
 * memory at once: hidden states and heads are multiplied in chunks of rows.
 */
public final class Distillation implements TrainingObjective {
    private final Decoder teacher;
    private final DistillationObjective objective;

    /**
     * Creates the objective for a teacher.
     *
     * @param teacher the frozen teacher; not closed by this objective
     * @param objective the formula of a token's loss
     */
    public Distillation(Decoder teacher, DistillationObjective objective) {
        this.teacher = teacher;
        this.objective = objective;
        teacher.parameters().values().forEach(parameter -> parameter.setTrainable(false));
    }

    @Override
    public Loss loss(Decoder model, TrainingBatch batch) {
        return loss(model, batch.ids(), batch.labels(), UnaryOperator.identity());
    }

    @Override
    public Loss loss(Decoder model, TrainingBatch batch, Tensor rows) {
        return loss(model, batch.ids(), batch.labels().indexSelect(0, rows), hidden -> LossRows.of(hidden, rows));
    }

    private Loss loss(Decoder model, Tensor ids, Tensor labels, UnaryOperator<Tensor> rows) {
        Tensor target = Autograd.withoutRecording(() -> {
            try (var scope = Scope.open()) {
                return scope.keep(rows.apply(teacher.hidden(ids)));
            }
        });
        DistillationLoss loss = Functional.distillationLoss(
                new FactoredLogits(rows.apply(model.hidden(ids)), model.headWeight()),
                new FactoredLogits(target, teacher.headWeight()),
                objective.crossEntropyWeight() > 0 ? labels : null,
                objective);
        return new Loss(loss.loss(), loss.divergence().item());
    }

    @Override
    public Optional<String> nonFinite(Tensor ids) {
        return NonFinite.in(teacher, ids).map(where -> "the student cannot learn from the teacher: " + where);
    }
}
