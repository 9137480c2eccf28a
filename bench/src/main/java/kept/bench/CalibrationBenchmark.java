package kept.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import kept.bench.recording.GpuModel;
import kept.bench.recording.MemoryReplay;
import kept.bench.recording.Prediction;
import kept.bench.recording.RecordedDevice;
import kept.bench.recording.Recording;
import kept.bench.recording.Recording.Event;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.calibration.MeasuredTensors;
import kept.mapping.Mapping;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Records the calibration of the mapping {@code calibrated} on a device that computes nothing, and prints how long it would take on a GPU. Models of
 * few and of one more layer are recorded; the work of each further layer is that of the last one.
 */
@Command(
        name = "bench calibration",
        description = {"Records the calibration of the mapping 'calibrated' without a GPU, and prints the time that it would take on one.",
            "See docs/cuda.md."},
        usageHelpAutoWidth = true,
        sortOptions = false)
final class CalibrationBenchmark implements Callable<Integer> {
    /** From this number on, each further layer has the same work. */
    private static final int LAYERS = 4;
    private static final int LENGTH = 4096;
    /** Embeddings are read once; their number does not matter. */
    private static final int VOCABULARY = 4096;

    @Spec
    private CommandSpec spec;

    @Option(names = "--config", paramLabel = "NAME", defaultValue = "orion-14b", description = "Model: orion-14b, S, M or L (${DEFAULT-VALUE}).")
    private String config;

    @Option(names = "--gpu", paramLabel = "NAME", defaultValue = "h200",
            description = "GPU to predict: h200, h100, a100 or rtx-4090 (${DEFAULT-VALUE}).")
    private String gpu;

    @Option(names = "--tokens", paramLabel = "N", description = "Tokens of calibration text (default: convert's).")
    private Long tokens;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** The work of a kernel, or of a kind of products, in all its launches. */
    record Work(double launches, double seconds, double operations) {
        Work plus(double factor, Work other) {
            return new Work(launches + factor * other.launches, seconds + factor * other.seconds, operations + factor * other.operations);
        }
    }

    /**
     * What a calibration asks of the device.
     *
     * @param rows work by kernel, and by type of products
     * @param seconds predicted time
     * @param bytes peak of the memory of tensors
     */
    record Recorded(Map<String, Work> rows, double seconds, long bytes) {}

    @Override
    public Integer call() throws IOException {
        GpuModel model = Main.gpuModel(spec, gpu);
        DecoderConfig whole = config();
        long count = tokens == null ? Calibration.usualTokens(whole) : tokens;
        int least = Math.min(LAYERS, whole.layers() - 1);
        Recorded less = record(model, whole.toBuilder().layers(least).build(), count);
        Recorded more = record(model, whole.toBuilder().layers(least + 1).build(), count);
        double further = whole.layers() - (least + 1.0);
        Map<String, Work> rows = new LinkedHashMap<>();
        more.rows.forEach((name, work) -> rows.put(name, work.plus(further, work).plus(-further, less.rows.getOrDefault(name, new Work(0, 0, 0)))));
        print(System.out, model, whole, count, rows, more.seconds + further * (more.seconds - less.seconds), more.bytes);
        return 0;
    }

    private DecoderConfig config() {
        try {
            return XkdSteps.Size.named(config).with(LENGTH, 1).config(Architecture.ORION).toBuilder().vocabSize(VOCABULARY).build();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** Records the calibration of a model. */
    static Recorded record(GpuModel model, DecoderConfig orion, long count) throws IOException {
        Recording recording = RecordedDevice.recording(model);
        Device device = RecordedDevice.of(model);
        int from = recording.size();
        int[][] sequences = new int[Math.toIntExact(Math.ceilDiv(count, LENGTH))][LENGTH];
        Path directory = Files.createTempDirectory("kept-calibration");
        try (Arena arena = Arena.ofConfined()) {
            var measured = MeasuredTensors.open(directory.resolve("measured"), Map.of());
            new Calibration(Mapping.named("calibrated", orion), zeros(arena, orion), sequences, CalibrationOptions.DEFAULTS, device)
                    .run(measured, _ -> { }, _ -> { }, _ -> { });
        } finally {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        List<Event> events = recording.since(from);
        Prediction prediction = Prediction.of(events, model);
        Map<String, Work> rows = new LinkedHashMap<>();
        for (Prediction.Row row : prediction.rows()) {
            // Products of a type together: their shapes are hundreds.
            String name = row.kernel().startsWith("product ") ? "products of " + row.kernel().split(" ")[1] : row.kernel();
            rows.merge(name, new Work(row.launches(), row.seconds(), row.operations()), (one, other) -> one.plus(1, other));
        }
        return new Recorded(rows, prediction.seconds(), MemoryReplay.of(events).liveBytes());
    }

    /** Weights in BF16, all from the same zeros of the host. */
    private static Weights zeros(Arena arena, DecoderConfig config) {
        long width = config.hiddenSize();
        MemorySegment memory = arena.allocate(Math.max(config.intermediateSize(), VOCABULARY) * width * DType.BF16.bytes());
        return (String _, Shape shape) -> Tensor.from(memory.asSlice(0, shape.elementCount() * DType.BF16.bytes()), DType.BF16, shape);
    }

    private static void print(PrintStream out, GpuModel model, DecoderConfig config, long count, Map<String, Work> rows, double seconds,
            long bytes) {
        out.printf(Locale.ROOT, "calibration of %d layers of width %d on %,d tokens, the usual anchor, all ridges tried, on the figures of an %s; "
                + "nothing was computed%n%n", config.layers(), config.hiddenSize(), count, model.title());
        out.printf("%-32s %12s %12s %9s%n", "", "launches", "predicted s", "PFLOP");
        rows.entrySet().stream().sorted(Comparator.comparingDouble(row -> -row.getValue().seconds)).forEach(row ->
                out.printf(Locale.ROOT, "%-32s %12.0f %12.2f %9.3f%n", row.getKey(), row.getValue().launches, row.getValue().seconds,
                        row.getValue().operations / 1e15));
        out.printf(Locale.ROOT, "%npredicted %.0f s and %.1f GB of tensors on the device; without reading the checkpoint, storing what is measured, "
                + "and writing the output%n", seconds, bytes / 1e9);
    }
}
