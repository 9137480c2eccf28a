package kept.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import kept.backend.DeviceMemory;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.training.ParameterSelection;
import kept.training.StepPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The kernels and the XKD step on a GPU, timed by the host over many launches in a row: each figure is the median of some turns, a turn ends when the
 * device has finished. The peer's figures come from a file, written in the same minute on the same machine by a script of its own.
 */
@Command(
        name = "bench gpu",
        description = "Measures the kernels and the XKD step on a GPU, at the width of Orion-14B, beside what PyTorch took for the same.",
        usageHelpAutoWidth = true,
        sortOptions = false)
final class Gpu implements Callable<Integer> {
    private static final int TURNS = 7;
    private static final double TURN_SECONDS = 0.1;
    private static final int MOST_RUNS = 1000;
    /** What the XKD step leaves to the driver, cuBLAS and blocks that lie unused in the pool. */
    private static final long BESIDE_TENSORS = 6_000_000_000L;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "cuda", description = "Where (${DEFAULT-VALUE}).")
    private String device;

    @Option(names = "--only", paramLabel = "REGEX", description = "Only cases in whose names this is found.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--peer", paramLabel = "FILE", description = "PyTorch's figures: {\"rows\": [{\"name\", \"shape\", \"ms\"}]}.")
    private Path peer;

    @Option(names = "--layers", paramLabel = "N", description = "Layers of the XKD step's models (Orion-14B's 40, or as many as fit the device).")
    private Integer layers;

    @Option(names = "--sequence", paramLabel = "N", defaultValue = "4096", description = "Tokens of the XKD step (${DEFAULT-VALUE}).")
    private int sequence;

    @Option(names = "--tiny", description = "Toy sizes, once each: a check of this program, not a measurement.")
    private boolean tiny;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this.")
    private boolean help;

    /**
     * One thing to time.
     *
     * @param name what it is
     * @param shape on how much
     * @param work operations, or the fewest bytes moved, of one run
     * @param unit GB/s or TFLOP/s
     * @param run one run, queued; null for a step that is timed by itself
     */
    record Case(String name, String shape, double work, String unit, Runnable run) {
        double rate(double millis) {
            return work / millis / ("GB/s".equals(unit) ? 1e6 : 1e9);
        }
    }

    @Override
    public Integer call() throws IOException {
        Device target;
        try {
            target = Device.of(device);
        } catch (DeviceException e) {
            System.err.println(e.getMessage());
            return 1;
        }
        PrintStream out = System.out;
        out.println(target.backend().description());
        new NativeCallRace(tiny, only, out).run();
        Map<String, Double> peers = peer == null ? Map.of() : peerMillis(peer);
        out.printf("%-30s %-26s %10s %10s %6s %10s %s%n", "", "", "ours ms", "PyTorch ms", "ratio", "ours", "");
        var cases = new GpuCases(tiny);
        for (GpuCases.Maker maker : cases.makers()) {
            try (var _ = Scope.open(target)) {
                for (Case made : maker.make()) {
                    if (only.matcher(made.name()).find()) {
                        print(out, made, millis(made.run(), target), peers);
                    }
                }
            }
        }
        if (only.matcher("xkd step").find()) {
            step(out, target, peers);
        }
        return 0;
    }

    private void step(PrintStream out, Device target, Map<String, Double> peers) {
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
            double width = size.hidden();
            double parameters = size.layers() * (4 * width * width + 3 * width * size.intermediate()) + width * size.vocabulary();
            print(out, new Case("xkd step", "L%d T%d B1".formatted(size.layers(), size.sequence()), 10 * parameters * size.sequence(),
                    "TFLOP/s (with recomputation)", null), median, peers);
            out.printf(Locale.ROOT, "%-30s %.1f tokens/s, at most %.1f GB of tensors%n", "", size.sequence() / median * 1e3,
                    target.memoryUsage().peakInUse() / 1e9);
        }
    }

    private XkdSteps.Size orion(int depth) {
        return new XkdSteps.Size(5120, depth, 40, 15360, 84608, sequence, 1);
    }

    private int mostLayers(Device target) {
        long room = target.backend().ownMemory().map(DeviceMemory::free).orElse(Long.MAX_VALUE) - BESIDE_TENSORS;
        var precision = StepPlan.Precision.on(target, DType.BF16, true);
        for (int depth = 40; depth > 1; depth--) {
            DecoderConfig teacher = orion(depth).config(Architecture.ORION);
            var plan = new StepPlan(teacher, ModelTensor.of(teacher).stream().mapToLong(tensor -> tensor.shape().elementCount() * DType.BF16.bytes())
                    .sum(), teacher.toLlama(), ParameterSelection.parse("all"), 1, 1, sequence, true, precision);
            if (plan.peakBytes() <= room) {
                return depth;
            }
        }
        return 1;
    }

    private double millis(Runnable run, Device target) {
        Tensor mark = Tensor.zeros(1);
        if (tiny) {
            return time(run, 1, mark);
        }
        time(run, 3, mark);
        int runs = (int) Math.clamp(TURN_SECONDS * 1e3 / time(run, 1, mark), 1, MOST_RUNS);
        double[] turns = new double[TURNS];
        for (int i = 0; i < TURNS; i++) {
            turns[i] = time(run, runs, mark);
        }
        return median(turns);
    }

    /** Milliseconds of one run among several: reading the mark waits for all that was queued. */
    private static double time(Runnable run, int runs, Tensor mark) {
        mark.item();
        long start = System.nanoTime();
        for (int i = 0; i < runs; i++) {
            run.run();
        }
        mark.item();
        return (System.nanoTime() - start) / 1e6 / runs;
    }

    private static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static void print(PrintStream out, Case made, double millis, Map<String, Double> peers) {
        Double other = peers.get(made.name() + " " + made.shape());
        out.printf(Locale.ROOT, "%-30s %-26s %10.3f %10s %6s %10.1f %s%n", made.name(), made.shape(), millis,
                other == null ? "-" : String.format(Locale.ROOT, "%.3f", other),
                other == null ? "-" : String.format(Locale.ROOT, "%.2f", other / millis), made.rate(millis), made.unit());
        out.flush();
    }

    private static Map<String, Double> peerMillis(Path file) throws IOException {
        Map<String, Double> millis = new LinkedHashMap<>();
        for (JsonNode row : new ObjectMapper().readTree(file.toFile()).path("rows")) {
            String name = row.path("name").asText();
            // An eager figure and a compiled one: the better counts.
            millis.merge(name.replace(" compiled", "").replace(" eager", "") + " " + row.path("shape").asText(), row.path("ms").asDouble(),
                    Math::min);
        }
        return millis;
    }
}
