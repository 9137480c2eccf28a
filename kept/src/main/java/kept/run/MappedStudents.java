package kept.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.mapping.CalibratedMapping;
import kept.mapping.ChannelProbe;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.mapping.MappingException;
import kept.mapping.NamedMapping;
import kept.mapping.TensorMapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.report.MappingCost;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Students of one teacher by the names of mappings. Measured tensors are computed here, on given sequences, and stay in a temporary directory until
 * this is closed. A name may contain the anchor and the ridge of the mapping {@code calibrated}:
 * {@code calibrated:0.25}, {@code calibrated:0.25:1e-5}, {@code calibrated::1e-5}, {@code calibrated:search}.
 */
public final class MappedStudents implements AutoCloseable {
    private static final String CHANNEL = "channel";
    private static final String SETTING = ":";
    private static final String SEARCH = "search";

    private final Progress progress;
    private final Checkpoint checkpoint;
    private final DecoderConfig config;
    private final Device device;
    private final Communicator ranks;
    private final TemporaryDirectory directory;

    /**
     * A student that a mapping creates.
     *
     * @param name the mapping's name as the user wrote it
     * @param mapping its table
     * @param sources the tensors that its rows use
     * @param cost time and memory
     */
    public record Student(String name, Mapping mapping, Weights sources, MappingCost cost) {
        /**
         * Creates the student. Tensors that the mapping copies, and that the teacher has in the same type, are the teacher's own.
         *
         * @param dtype the type to which its weights are rounded
         * @param teacher the teacher, with its weights in their stored types
         * @return the student, on the teacher's device; the caller closes it before the teacher
         */
        public Decoder model(DType dtype, Decoder teacher) {
            Set<String> copies = mapping.copies();
            Map<String, Tensor> shared = new HashMap<>();
            for (TensorMapping row : mapping.rows()) {
                Parameter source = copies.contains(row.target()) ? teacher.parameters().get(row.sources().getFirst()) : null;
                if (source != null && source.value().dtype() == dtype) {
                    shared.put(row.target(), source.value());
                }
            }
            var own = new MappedWeights(mapping, sources, dtype);
            return Decoder.create(mapping.target(), (name, shape) -> shared.containsKey(name) ? shared.get(name).detach() : own.get(name, shape),
                    teacher.device());
        }
    }

    /**
     * Students of a teacher.
     *
     * @param progress receives the progress
     * @param checkpoint the teacher's weights; stay open
     * @param config its configuration
     * @param device where to compute
     */
    public MappedStudents(Progress progress, Checkpoint checkpoint, DecoderConfig config, Device device) {
        this(progress, checkpoint, config, device, Communicator.single());
    }

    /**
     * Students of a teacher, for which several ranks measure: each of them makes the same calls and gets the same students.
     *
     * @param progress receives the progress
     * @param checkpoint the teacher's weights; stay open
     * @param config its configuration
     * @param device where to compute
     * @param ranks those that share the measurements
     */
    public MappedStudents(Progress progress, Checkpoint checkpoint, DecoderConfig config, Device device, Communicator ranks) {
        this.progress = progress;
        this.checkpoint = checkpoint;
        this.config = config;
        this.device = device;
        this.ranks = ranks;
        directory = new TemporaryDirectory("kept-measured");
    }

    /**
     * The table of a mapping, without measured tensors.
     *
     * @param name a mapping's, with or without settings
     * @param config the teacher's configuration
     * @return the table
     * @throws RunException if the settings are not numbers, or the mapping takes none
     */
    public static Mapping table(String name, DecoderConfig config) {
        int end = name.indexOf(SETTING);
        Mapping table = name.equals(CHANNEL) ? Mapping.channel(config) : Mapping.named(end < 0 ? name : name.substring(0, end), config);
        if (end >= 0 && !table.name().equals(CalibratedMapping.NAME)) {
            throw new RunException("[compare] '%s': only %s takes an anchor and a ridge".formatted(name, CalibratedMapping.NAME));
        }
        options(name);
        table.requireComplete();
        return table;
    }

    /**
     * Whether a name is a mapping's, with or without settings.
     *
     * @param name what a user has written
     * @return true if it is
     */
    public static boolean isName(String name) {
        int end = name.indexOf(SETTING);
        String mapping = end < 0 ? name : name.substring(0, end);
        if (!mapping.equals(CHANNEL) && !isMapping(mapping) || end >= 0 && !mapping.equals(CalibratedMapping.NAME)
                || name.split(SETTING, -1).length > 3) {
            return false;
        }
        try {
            options(name);
            return true;
        } catch (RunException e) {
            return false;
        }
    }

    private static boolean isMapping(String name) {
        try {
            NamedMapping.of(name);
            return true;
        } catch (MappingException e) {
            return false;
        }
    }

    private static CalibrationOptions options(String name) {
        String[] parts = name.split(SETTING, -1);
        try {
            boolean searches = parts.length > 1 && parts[1].equals(SEARCH);
            double anchor = searches ? Double.NaN : setting(parts, 1, CalibrationOptions.USUAL_ANCHOR);
            return new CalibrationOptions(anchor, setting(parts, 2, Double.NaN), null);
        } catch (IllegalArgumentException e) {
            throw new RunException("[compare] '%s': an anchor and a ridge follow the colons, numbers of at least 0, or search for the anchor"
                    .formatted(name), e);
        }
    }

    private static double setting(String[] parts, int place, double usual) {
        if (parts.length <= place || parts[place].isEmpty()) {
            return usual;
        }
        double value = Double.parseDouble(parts[place]);
        if (Double.isNaN(value)) {
            throw new IllegalArgumentException("NaN is no number");
        }
        return value;
    }

    /**
     * Measures the tensors that a mapping needs and computes each target tensor once, one by one, as in a conversion.
     *
     * @param name the mapping's, with or without settings
     * @param sequences the calibration sequences, {@code [sequences][length]}; ignored by mappings that measure nothing
     * @return the student and its cost
     */
    public Student make(String name, int[]... sequences) {
        Mapping table = table(name, config).forWeights(new CheckpointWeights(checkpoint), DType.F32);
        long before = device.memoryUsage().inUse();
        device.backend().resetPeakMemory();
        long start = System.nanoTime();
        Weights sources = table.sources(new CheckpointWeights(checkpoint), measured(name, table, sequences));
        var mapped = new MappedWeights(table, sources, DType.F32);
        for (TensorMapping row : table.rows()) {
            try (var _ = Scope.open(device)) {
                mapped.get(row.target(), row.shape());
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        return new Student(name, table, sources, new MappingCost(name, seconds, device.memoryUsage().peakInUse() - before,
                table.rows().stream().mapToLong(row -> row.shape().elementCount()).sum()));
    }

    private Weights measured(String name, Mapping table, int[]... sequences) {
        if (table.measured().isEmpty()) {
            return Measurement.Measured.NOTHING.tensors();
        }
        return table.name().equals(CalibratedMapping.NAME) ? calibrated(name, table, sequences) : channels(sequences);
    }

    private Weights calibrated(String name, Mapping table, int[]... sequences) {
        var calibration = new Calibration(table, new CheckpointWeights(checkpoint), sequences, options(name), device, ranks);
        MeasuredTensors measured = MeasuredTensors.open(directory.path().resolve(name.replace(SETTING, "-")), Map.of("mapping", name));
        Measurement.run(calibration, measured, name, name + ": ", () -> { }, progress);
        return measured;
    }

    private Weights channels(int[]... sequences) {
        try (Decoder teacher = Decoder.create(config, new CheckpointWeights(checkpoint), device)) {
            var probe = new ChannelProbe(teacher);
            probe.observe(List.of(sequences), ranks);
            return probe.weights();
        }
    }

    /** Deletes the measured tensors. */
    @Override
    public void close() {
        directory.close();
    }
}
