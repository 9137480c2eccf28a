package kept.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import kept.backend.DeviceMemory;
import kept.bench.recording.GpuModel;
import kept.bench.recording.KernelCosts;
import kept.cuda.driver.LaunchCounter;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.GradientReduction;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Times the CUDA kernels and the XKD step on a GPU. The host measures a series of launches until the device has finished them; each figure is the
 * median of several such samples. PyTorch's figures come from a JSON file that a Python script wrote on the same machine just before.
 */
@Command(
        name = "bench gpu",
        description = {"Times the CUDA kernels and the XKD step on a GPU, with the layer sizes of Orion-14B, beside the predicted times and,",
            "optionally, PyTorch's figures."},
        usageHelpAutoWidth = true,
        sortOptions = false)
final class GpuBenchmark implements Callable<Integer> {
    private static final int SAMPLES = 7;
    private static final double SAMPLE_SECONDS = 0.1;
    private static final int MAX_LAUNCHES = 1000;
    /** Bytes of device memory left free of the XKD step's tensors for the driver, cuBLAS and unused blocks of the pool. */
    private static final long RESERVED_BYTES = 6_000_000_000L;

    @Spec
    private CommandSpec spec;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "cuda",
            description = "Device to measure, such as cuda or cuda:1 (${DEFAULT-VALUE}).")
    private String device;

    @Option(names = "--check", description = "Open the device, print what it is, and end.")
    private boolean check;

    @Option(names = "--only", paramLabel = "REGEX", description = "Measure only the cases whose name contains a match.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--peer", paramLabel = "FILE", description = "JSON file with PyTorch's figures: {\"rows\": [{\"name\", \"shape\", \"ms\"}]}.")
    private Path peer;

    @Option(names = "--gpu", paramLabel = "NAME",
            description = "GPU whose figures the prediction uses: h200, h100, a100 or rtx-4090 (default: the device's, or h200).")
    private String gpu;

    @Option(names = "--layers", paramLabel = "N",
            description = "Layers of the models in the XKD step (default: the 40 of Orion-14B, or as many as fit into the device's memory).")
    private Integer layers;

    @Option(names = "--sequence", paramLabel = "N", defaultValue = "4096", description = "Sequence length of the XKD step (${DEFAULT-VALUE}).")
    private int sequence;

    @Option(names = "--tiny", description = "Run each case once with toy sizes, to check this program; the figures mean nothing.")
    private boolean tiny;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /**
     * A kernel or step to time.
     *
     * @param name name of the operation, equal to PyTorch's in the peer file
     * @param shape shape of the operands, equal to PyTorch's in the peer file
     * @param work floating-point operations or minimum bytes moved by one run
     * @param unit unit of the rate: GB/s or TFLOP/s
     * @param run queues one run on the device's stream; null for the XKD step, which is timed separately
     */
    record Case(String name, String shape, double work, String unit, Runnable run) {
        double rate(double millis) {
            return work / millis / ("GB/s".equals(unit) ? 1e6 : 1e9);
        }
    }

    @Override
    public Integer call() throws IOException {
        Main.checkAtLeastOne(spec, "--sequence", sequence);
        Main.checkAtLeastOne(spec, "--layers", layers == null ? 1 : layers);
        Device target;
        try {
            target = Device.of(device);
        } catch (DeviceException e) {
            System.err.println(e.getMessage());
            return 1;
        }
        PrintStream out = System.out;
        out.println(target.backend().description());
        if (check) {
            return 0;
        }
        Optional<LaunchCounter> counter = CountedCases.counter(target);
        if (counter.isPresent() && !tiny) {
            counts(out, CountedCases.count(target, counter.get()));
            return 0;
        }
        GpuModel model = model(target);
        new NativeCallComparison(tiny, only, out).run();
        Map<String, Double> peers = peer == null ? Map.of() : peerMillis(peer);
        out.printf("Predicted times are those of an %s.%n", model.title());
        out.printf("%-30s %-26s %10s %12s %10s %6s %10s %s%n", "", "", "kept ms", "predicted ms", "PyTorch ms", "ratio", "rate", "");
        var predicted = new PredictedTimes(model);
        List<GpuCases.Factory> recorded = new GpuCases(tiny).factories();
        List<GpuCases.Factory> timed = new GpuCases(tiny).factories();
        for (int i = 0; i < timed.size(); i++) {
            List<Double> predictions = predictions(predicted, recorded.get(i));
            try (var _ = Scope.open(target)) {
                List<Case> cases = timed.get(i).create();
                for (int j = 0; j < cases.size(); j++) {
                    if (only.matcher(cases.get(j).name()).find()) {
                        print(out, cases.get(j), millis(cases.get(j).run()), predictions.get(j), peers);
                    }
                }
            }
        }
        kernels(out, target, predicted);
        if (only.matcher("xkd step").find()) {
            step(out, target, predicted, peers);
        }
        return 0;
    }

    private GpuModel model(Device target) {
        if (gpu == null) {
            return GpuModel.ofDevice(target.backend().description()).orElse(GpuModel.H200);
        }
        return Main.gpuModel(spec, gpu);
    }

    private static List<Double> predictions(PredictedTimes predicted, GpuCases.Factory factory) {
        try (var _ = Scope.open(predicted.device())) {
            return factory.create().stream().map(operation -> predicted.of(operation.run()).millis()).toList();
        }
    }

    /** Times every kernel of a training step and of decoding by itself. */
    private void kernels(PrintStream out, Device target, PredictedTimes predicted) {
        out.printf("%n%-70s %-20s %10s %12s%n", "kernels of a training step and of decoding", "", "kept ms", "predicted ms");
        CountedCases.visit(tiny ? CountedCases.Sizes.TINY : CountedCases.Sizes.ORION, (shape, operations) -> {
            List<PredictedTimes.Operation> predictions;
            try (var _ = Scope.open(predicted.device())) {
                predictions = operations.apply(predicted.device().backend()).stream().map(predicted::of).toList();
            }
            if (predictions.stream().noneMatch(prediction -> only.matcher(prediction.title()).find())) {
                return;
            }
            try (var _ = Scope.open(target)) {
                List<Runnable> runs = operations.apply(target.backend());
                for (int i = 0; i < runs.size(); i++) {
                    Runnable run = runs.get(i);
                    String title = predictions.get(i).title();
                    if (only.matcher(title).find()) {
                        // What an operation allocates is freed after each run.
                        double millis = millis(() -> {
                            try (var _ = Scope.open(target)) {
                                run.run();
                            }
                        });
                        out.printf(Locale.ROOT, "%-70s %-20s %10.3f %12.3f%n", title, shape, millis, predictions.get(i).millis());
                    }
                }
            }
            out.flush();
        });
        out.println();
    }

    /** Prints what a profiler would: a device that runs kernels in Java has no times. */
    private static void counts(PrintStream out, List<KernelCosts.Row> rows) {
        out.println("Counts of one launch; sectors have 32 bytes, least means each once, wavefronts are cycles of shared memory.");
        out.printf("%-34s %-16s %11s %9s %9s %9s %9s %9s %9s %9s%n", "", "", "instructions", "per unit", "stalls", "sectors", "least", "wavefronts",
                "least", "M mul-add");
        for (KernelCosts.Row row : rows) {
            out.printf(Locale.ROOT, "%-34s %-16s %11d %9.2f %9d %9d %9d %9d %9d %9.2f%n", row.kernel(), row.shape(), row.allInstructions(),
                    32 * row.allInstructions() / row.units(), row.stalls(), row.sectors(), row.distinctSectors(), row.wavefronts(),
                    row.leastWavefronts(), row.multiplyAdds() / 1e6);
        }
    }

    private void step(PrintStream out, Device target, PredictedTimes predicted, Map<String, Double> peers) {
        XkdSteps.Size size = tiny ? new XkdSteps.Size(64, 2, 4, 160, 128, 32, 1) : orion(layers == null ? mostLayers(target) : layers);
        int warmUp = tiny ? 1 : 2;
        int count = tiny ? 1 : 6;
        target.backend().resetPeakMemory();
        try (var steps = new XkdSteps(target, DType.BF16, size, warmUp + count, true, new AdamW.Storage(true, true, 0))) {
            double[] millis = new double[count];
            for (int i = 0; i < warmUp + count; i++) {
                double seconds = steps.next().seconds();
                if (i >= warmUp) {
                    millis[i - warmUp] = seconds * 1e3;
                }
            }
            double median = median(millis);
            double prediction;
            try (var recorded = new XkdSteps(predicted.device(), DType.BF16, size, 2, true, new AdamW.Storage(true, true, 0))) {
                recorded.next();
                prediction = predicted.of(recorded::next).millis();
            }
            double width = size.hidden();
            double parameters = size.layers() * (4 * width * width + 3 * width * size.intermediate()) + width * size.vocabulary();
            print(out, new Case("xkd step", "L%d T%d B1".formatted(size.layers(), size.sequence()), 10 * parameters * size.sequence(),
                    "TFLOP/s (with recomputation)", null), median, prediction, peers);
            out.printf(Locale.ROOT, "%-30s %.1f tokens/s, peak %.1f GB of tensors%n", "", size.sequence() / median * 1e3,
                    target.memoryUsage().peakInUse() / 1e9);
        }
    }

    private XkdSteps.Size orion(int depth) {
        return new XkdSteps.Size(5120, depth, 40, 15360, 84608, sequence, 1);
    }

    private int mostLayers(Device target) {
        long available = target.backend().ownMemory().map(DeviceMemory::free).orElse(Long.MAX_VALUE) - RESERVED_BYTES;
        var precision = StepPlan.Precision.on(target, DType.BF16, true);
        for (int depth = 40; depth > 1; depth--) {
            DecoderConfig teacher = orion(depth).config(Architecture.ORION);
            var plan = new StepPlan(teacher, ModelTensor.of(teacher).stream().mapToLong(tensor -> tensor.shape().elementCount() * DType.BF16.bytes())
                    .sum(), teacher.toLlama(), ParameterSelection.parse("all"), 1, 1, sequence, true, precision, GradientReduction.TREE,
                StepPlan.Shares.ONE, 0);
            if (plan.peakBytes() <= available) {
                return depth;
            }
        }
        return 1;
    }

    private double millis(Runnable run) {
        Tensor marker = Tensor.zeros(1);
        if (tiny) {
            return time(run, 1, marker);
        }
        time(run, 3, marker);
        int runs = (int) Math.clamp(SAMPLE_SECONDS * 1e3 / time(run, 1, marker), 1, MAX_LAUNCHES);
        double[] samples = new double[SAMPLES];
        for (int i = 0; i < SAMPLES; i++) {
            samples[i] = time(run, runs, marker);
        }
        return median(samples);
    }

    /** Average milliseconds of one run. Reading the marker synchronizes the stream with the host. */
    private static double time(Runnable run, int runs, Tensor marker) {
        marker.item();
        long start = System.nanoTime();
        for (int i = 0; i < runs; i++) {
            run.run();
        }
        marker.item();
        return (System.nanoTime() - start) / 1e6 / runs;
    }

    private static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static void print(PrintStream out, Case kernel, double millis, double predicted, Map<String, Double> peers) {
        Double peerMillis = peers.get(kernel.name() + " " + kernel.shape());
        out.printf(Locale.ROOT, "%-30s %-26s %10.3f %12.3f %10s %6s %10.1f %s%n", kernel.name(), kernel.shape(), millis, predicted,
                peerMillis == null ? "-" : String.format(Locale.ROOT, "%.3f", peerMillis),
                peerMillis == null ? "-" : String.format(Locale.ROOT, "%.2f", peerMillis / millis), kernel.rate(millis), kernel.unit());
        out.flush();
    }

    private static Map<String, Double> peerMillis(Path file) throws IOException {
        Map<String, Double> millis = new LinkedHashMap<>();
        for (JsonNode row : new ObjectMapper().readTree(file.toFile()).path("rows")) {
            String name = row.path("name").asText();
            // Where PyTorch was measured both eager and compiled, the faster figure counts.
            millis.merge(name.replace(" compiled", "").replace(" eager", "") + " " + row.path("shape").asText(), row.path("ms").asDouble(),
                    Math::min);
        }
        return millis;
    }
}
