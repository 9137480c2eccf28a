package kept.run;

import kept.model.Decoder;
import kept.training.BestState;

/**
 * Teacher and student of a distillation, and the student's best state.
 *
 * @param teacher the teacher
 * @param student the student
 * @param best the student's best state so far
 * @param seconds the time to create the student
 */
record DistillationModels(DistillationTeacher teacher, Decoder student, BestState best, double seconds) implements AutoCloseable {
    @Override
    public void close() {
        try (teacher) {
            student.close();
        }
    }
}
