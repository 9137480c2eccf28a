package kept.run;

import java.util.List;
import java.util.Map;
import kept.backend.DistillationObjective;
import kept.checkpoint.Checkpoint;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.mapping.NormProbe;
import kept.mapping.NormStatistics;
import kept.model.Decoder;
import kept.model.RecordedWeights;
import kept.tensor.Tensor;
import kept.training.Distillation;
import kept.training.TrainingObjective;
import kept.training.TrainingRanks;

/** A teacher in memory. */
final class PresentTeacher implements DistillationTeacher {
    private final DistillationTask task;
    private final RecordedWeights weights;
    private final Decoder model;

    PresentTeacher(DistillationTask task, Checkpoint checkpoint, TrainingRanks ranks) {
        this.task = task;
        weights = new RecordedWeights(checkpoint);
        model = Decoder.create(task.mapping().source(), ranks.teacher(weights), task.settings().device());
    }

    @Override
    public TeacherLogits logits() {
        return TeacherLogits.of(model);
    }

    @Override
    public TrainingObjective objective(DistillationObjective formula) {
        return new Distillation(model, formula);
    }

    @Override
    public List<NormStatistics> norms(List<TextEvaluation> texts) {
        var probe = new NormProbe(model);
        texts.forEach(text -> text.forEachInput(model.device(), probe::observe));
        return probe.statistics();
    }

    @Override
    public Map<String, Tensor> shared() {
        return task.shared(name -> model.parameters().get(name).value().dtype(), name -> model.parameters().get(name).value());
    }

    @Override
    public Map<String, String> checksums() {
        return weights.checksums();
    }

    @Override
    public void close() {
        model.close();
    }
}
