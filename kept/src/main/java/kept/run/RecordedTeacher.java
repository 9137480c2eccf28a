package kept.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import kept.backend.DistillationObjective;
import kept.checkpoint.Checkpoint;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.mapping.NormStatistics;
import kept.model.CheckpointWeights;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.recording.Recording;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.training.RecordedDistillation;
import kept.training.TrainingObjective;
import kept.training.TrainingRanks;

/**
 * A teacher whose logits were recorded. Of its weights only those are in memory that the student shares, and during an evaluation its head.
 */
final class RecordedTeacher implements DistillationTeacher {
    private final DistillationTask task;
    private final Checkpoint checkpoint;
    private final Recording recording;
    private final Map<String, Shape> shapes;
    private final Scope scope;
    /** Divided over the ranks, if parameters are. */
    private final Weights weights;

    RecordedTeacher(DistillationTask task, Checkpoint checkpoint, TrainingRanks ranks) {
        this.task = task;
        this.checkpoint = checkpoint;
        recording = Recording.open(task.settings().recorded());
        shapes = ModelTensor.of(task.mapping().source()).stream().collect(Collectors.toMap(ModelTensor::name, ModelTensor::shape));
        scope = Scope.detached(task.settings().device());
        weights = task.sharesNothing() ? null : ranks.teacher(new CheckpointWeights(checkpoint));
    }

    @Override
    public TeacherLogits logits() {
        return recording.heldOut(this::head);
    }

    private Tensor head() {
        String name = TensorName.of(task.mapping().source().tieWordEmbeddings() ? TensorRole.EMBEDDING : TensorRole.HEAD).toString();
        return new CheckpointWeights(checkpoint).get(name, shapes.get(name));
    }

    @Override
    public TrainingObjective objective(DistillationObjective formula) {
        return new RecordedDistillation(recording, formula);
    }

    @Override
    public List<NormStatistics> norms(List<TextEvaluation> texts) {
        return recording.norms(texts);
    }

    @Override
    public Map<String, Tensor> shared() {
        return scope.run(() -> task.shared(name -> checkpoint.entry(name).dtype(), name -> weights.get(name, shapes.get(name))));
    }

    @Override
    public Map<String, String> checksums() {
        var checksums = new HashMap<String, String>();
        checkpoint.names().forEach(name -> checksums.put(name, checkpoint.fingerprint(name)));
        return checksums;
    }

    @Override
    public void close() {
        recording.close();
        scope.close();
    }
}
