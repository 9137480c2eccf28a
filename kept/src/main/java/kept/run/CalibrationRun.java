package kept.run;

import java.nio.file.Path;
import java.util.Optional;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.Device;

/**
 * Measures the tensors that the mapping {@code calibrated} needs, and stores them. A {@link ConversionRun} or a {@link DistillationRun} measures them
 * itself. Each setter changes this object and returns it.
 *
 * <p>The results are the measured tensors of {@link kept.mapping.CalibratedMapping}, a file for each; a calibration that was stopped or killed
 * continues after the last one.
 */
public final class CalibrationRun {
    private final Path teacher;
    private final Path directory;
    private MappingChoice mapping;
    private Resume resume = Resume.NO;
    private boolean overwrite;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;

    private CalibrationRun(Path teacher, Path directory, MappingChoice mapping) {
        this.teacher = teacher;
        this.directory = directory;
        this.mapping = mapping;
    }

    /**
     * A calibration.
     *
     * @param teacher the teacher's directory: config.json, weights, tokenizer
     * @param directory the directory for the measured tensors; created if it is missing
     * @param text files or folders with calibration text
     * @return the calibration, with default settings
     */
    public static CalibrationRun of(Path teacher, Path directory, Path... text) {
        return new CalibrationRun(teacher, directory, MappingChoice.calibrated(text));
    }

    /**
     * Sets the calibration text and the options of the calibration.
     *
     * @param choice a {@linkplain MappingChoice#calibrated calibrated} mapping
     * @return this
     */
    public CalibrationRun mapping(MappingChoice choice) {
        if (!choice.isCalibrated()) {
            throw new IllegalArgumentException("nothing is measured for the mapping " + choice.name());
        }
        mapping = choice;
        return this;
    }

    /**
     * Sets whether an unfinished calibration in that directory is resumed; {@link Resume#NO} by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public CalibrationRun resume(Resume wanted) {
        resume = wanted;
        return this;
    }

    /**
     * Sets whether tensors that were measured there before are replaced; false by default.
     *
     * @param allowed true to replace it
     * @return this
     */
    public CalibrationRun overwrite(boolean allowed) {
        overwrite = allowed;
        return this;
    }

    /**
     * Sets the device to compute on; the CPU by default.
     *
     * @param where the device
     * @return this
     */
    public CalibrationRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Measures the tensors that have not been measured yet.
     *
     * @param progress receives the progress
     * @return what was measured
     * @throws RunException if it cannot be done; the message names the remedy
     * @throws StoppedException if {@code progress} stopped it
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public MeasuredTensors run(Progress progress) {
        DecoderConfig config = DecoderConfig.read(teacher);
        var measurement = new Measurement(mapping, mapping.table(config), directory.toAbsolutePath(), resume, progress,
                Communicator.single());
        measurement.requireNothingBegun(overwrite);
        try (var checkpoint = Checkpoint.open(teacher);
                var stop = progress.stop()) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Notes.report(progress, teacher, checkpoint);
            return measurement.measure(checkpoint, measurement.read(teacher, Optional.empty()), device == null ? Device.cpu() : device, stop);
        }
    }
}
