package kept.run;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import kept.calibration.CalibrationSequences;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.evaluation.TeacherLogits;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;

/**
 * The initial weights of students: a mapping of the teacher, measured, if needed, on the training text or on the user's calibration text; or those of
 * a given student.
 */
final class StudentStart {
    private final Progress progress;
    private final Path teacher;
    private final Optional<String> template;
    private final Checkpoint checkpoint;
    private final List<CalibrationSequences.Rest> texts;
    private final Device device;
    private final Communicator ranks;
    private final GivenCheckpoint given;

    /**
     * The context that all initial students share.
     *
     * @param progress receives the progress
     * @param teacher its directory
     * @param template the source of a chat template for conversations that replaces those of the teacher, if any
     * @param checkpoint its weights
     * @param texts the texts on which a mapping measures if the user has named none
     * @param device where to compute
     * @param ranks those that share measurements
     * @param given the weights of a given student, if there is one
     */
    StudentStart(Progress progress, Path teacher, Optional<String> template, Checkpoint checkpoint,
            List<CalibrationSequences.Rest> texts, Device device, Communicator ranks, GivenCheckpoint given) {
        this.progress = progress;
        this.teacher = teacher;
        this.template = template;
        this.checkpoint = checkpoint;
        this.texts = texts;
        this.device = device;
        this.ranks = ranks;
        this.given = given;
    }

    /** Measures the tensors that a mapping needs. */
    Measurement.Measured measure(Measurement measurement, MappingChoice choice) {
        try (var stop = progress.stop()) {
            if (choice.student() != null) {
                return new Measurement.Measured(given.sources(), Optional.empty(), Optional.empty());
            }
            if (!choice.isCalibrated()) {
                return Measurement.Measured.NOTHING;
            }
            DecoderConfig config = measurement.table().source();
            CalibrationSequences sequences = choice.text().isEmpty()
                    ? CalibrationSequences.ofRest(texts, config, choice.tokens(config)) : measurement.read(teacher, template);
            return Measurement.Measured.of(measurement.measure(checkpoint, sequences, device, stop), sequences);
        }
    }

    /** The student's weights by a mapping, which can be read as long as the measured tensors exist. */
    Weights weights(Measurement measurement, Measurement.Measured measured, DType dtype) {
        return new MappedWeights(measurement.table(), measurement.sources(checkpoint, measured), dtype);
    }

    /**
     * Creates the student of another mapping, evaluates it, and frees it.
     *
     * @param choice the mapping
     * @param stored the type to which its weights are rounded; null for the teacher's
     * @param teaching the logits of the one whom it is to follow
     * @param stages takes the result
     */
    void evaluate(MappingChoice choice, DType stored, TeacherLogits teaching, Stages stages) {
        try (var directory = new TemporaryDirectory("kept-calibration")) {
            Mapping usual = choice.table(DecoderConfig.read(teacher));
            Mapping table = usual.forWeights(new CheckpointWeights(checkpoint), stored == null ? usual.target().dtype() : stored);
            var measurement = new Measurement(choice, table, directory.path(), Resume.NO, progress, ranks);
            long begun = System.nanoTime();
            Weights weights = weights(measurement, measure(measurement, choice), stored);
            try (Decoder student = Decoder.create(table.target(), weights, device)) {
                stages.evaluate(choice.name(), (System.nanoTime() - begun) / 1e9, teaching, student);
            }
        }
    }
}
