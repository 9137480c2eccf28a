package kept.run;

import java.nio.file.Path;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.Device;

/**
 * Measures what the mapping {@code calibrated} needs of a teacher, and keeps it: a {@link ConversionRun} or a {@link DistillationRun} does that by
 * itself. Each setter changes this object and returns it.
 *
 * <p>The results are the measured tensors of {@link kept.mapping.CalibratedMapping}, a file for each; a calibration that was stopped or killed goes
 * on behind the last one.
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
     * @param teacher the Orion's directory: config.json, weights, tokenizer
     * @param directory where to keep what is measured; made if it is missing
     * @param text files or folders to measure on
     * @return the calibration, with all settings as usual
     */
    public static CalibrationRun of(Path teacher, Path directory, Path... text) {
        return new CalibrationRun(teacher, directory, MappingChoice.calibrated(text));
    }

    /**
     * How it is measured, and on what.
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
     * Whether an unfinished calibration in that directory is resumed; {@link Resume#NO} unless set.
     *
     * @param wanted whether to
     * @return this
     */
    public CalibrationRun resume(Resume wanted) {
        resume = wanted;
        return this;
    }

    /**
     * Whether what was measured there before is replaced; false unless set.
     *
     * @param allowed whether it may be
     * @return this
     */
    public CalibrationRun overwrite(boolean allowed) {
        overwrite = allowed;
        return this;
    }

    /**
     * Where to compute; on the CPU unless set.
     *
     * @param where the device
     * @return this
     */
    public CalibrationRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Measures what has not been measured.
     *
     * @param progress is told how far it is
     * @return what was measured
     * @throws RunException if it cannot be done, with what to do
     * @throws StoppedException if the progress wanted it to stop
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public MeasuredTensors run(Progress progress) {
        DecoderConfig config = DecoderConfig.read(teacher);
        var measurement = new Measurement(mapping, config, directory.toAbsolutePath(), resume, progress);
        measurement.requireNothingBegun(overwrite);
        try (var checkpoint = Checkpoint.open(teacher);
                var stop = progress.stop()) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Remarks.tell(progress, teacher, checkpoint);
            return measurement.measure(checkpoint, measurement.read(teacher), device == null ? Device.cpu() : device, stop);
        }
    }
}
