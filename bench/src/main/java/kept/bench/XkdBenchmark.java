package kept.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Times the steps of {@link XkdSteps} after a warm-up and prints one line in the form of the PyTorch script {@code torch_xkd.py}, which runs the same
 * three sizes. The line adds the heap allocation and the native memory of a step.
 */
@Command(
        name = "bench xkd",
        description = "Times the steps of XKD (Cross-architecture Knowledge Distillation) on the CPU.",
        usageHelpAutoWidth = true,
        sortOptions = false)
final class XkdBenchmark implements Callable<Integer> {
    private static final int WARM_UP_STEPS = 5;

    @Spec
    private CommandSpec spec;

    @Option(names = "--config", paramLabel = "S|M|L", defaultValue = "S", description = "Size of the models (${DEFAULT-VALUE}).")
    private Size config;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "8", description = "Steps to time, after a warm-up (${DEFAULT-VALUE}).")
    private int count;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    /** The sizes of the PyTorch script. */
    enum Size {
        S, M, L
    }

    @Override
    public Integer call() {
        Main.checkAtLeastOne(spec, "--steps", count);
        XkdSteps.Size size = XkdSteps.Size.named(config.name());
        System.err.println(Device.cpu().backend().description());
        try (var steps = new XkdSteps(Device.cpu(), DType.F32, size, WARM_UP_STEPS + count, false, AdamW.Storage.PLAIN)) {
            for (int i = 0; i < WARM_UP_STEPS; i++) {
                steps.next();
            }
            XkdSteps.Cost[] costs = new XkdSteps.Cost[count];
            for (int i = 0; i < count; i++) {
                costs[i] = steps.next();
            }
            report(config.name(), size, steps.parameters(), costs);
        }
        return 0;
    }

    private static void report(String name, XkdSteps.Size size, long parameters, XkdSteps.Cost... costs) {
        double[] seconds = Arrays.stream(costs).mapToDouble(XkdSteps.Cost::seconds).sorted().toArray();
        double median = (seconds[(seconds.length - 1) / 2] + seconds[seconds.length / 2]) / 2;
        double tokens = (double) size.batch() * size.sequence();
        System.out.printf(Locale.ROOT,
                "kept config %s params %.1fM tokens/s %.1f step %.0f ms best %.1f peakRSS %s heap/step %.2f MB pool/step %d B%n",
                name, parameters / 1e6, tokens / median, median * 1e3, tokens / seconds[0], peakResidentMemory(),
                Arrays.stream(costs).mapToLong(XkdSteps.Cost::heapBytes).min().orElseThrow() / 1e6,
                Arrays.stream(costs).mapToLong(XkdSteps.Cost::nativeBytes).max().orElseThrow());
    }

    /** Peak resident memory of the process from /proc; "unknown" on systems without it. */
    private static String peakResidentMemory() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmHWM:")) {
                    return String.format(Locale.ROOT, "%.2f GB", Double.parseDouble(line.replaceAll("\\D", "")) * 1024 / 1e9);
                }
            }
        } catch (IOException e) {
            return "unknown";
        }
        return "unknown";
    }
}
