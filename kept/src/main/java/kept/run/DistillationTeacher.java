package kept.run;

import java.util.List;
import java.util.Map;
import kept.backend.DistillationObjective;
import kept.checkpoint.Checkpoint;
import kept.evaluation.TeacherLogits;
import kept.evaluation.TextEvaluation;
import kept.mapping.NormStatistics;
import kept.tensor.Tensor;
import kept.training.TrainingObjective;
import kept.training.TrainingRanks;

/** What a student follows in a distillation: a teacher in memory, or a recording of its logits. */
interface DistillationTeacher extends AutoCloseable {
    /**
     * The teacher of a run.
     *
     * @param task the run
     * @param checkpoint the teacher's, which stays open
     * @param ranks the ranks of the run, before the student is made
     */
    static DistillationTeacher of(DistillationTask task, Checkpoint checkpoint, TrainingRanks ranks) {
        return task.settings().recorded() == null ? new PresentTeacher(task, checkpoint, ranks) : new RecordedTeacher(task, checkpoint, ranks);
    }

    /** Its logits on held-out text. */
    TeacherLogits logits();

    /** What training minimises. */
    TrainingObjective objective(DistillationObjective formula);

    /** How much its norms differ from RMSNorms on some of the held-out texts. */
    List<NormStatistics> norms(List<TextEvaluation> texts);

    /** Its tensors that are the student's parameters too, by the student's names; they live as long as this. */
    Map<String, Tensor> shared();

    /** Checksums of its tensors by name. */
    Map<String, String> checksums();

    @Override
    void close();
}
