package kept.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;

/**
 * Times the steps of {@link XkdSteps} after a warm-up and prints one line in the form of the PyTorch script {@code torch_xkd.py}, which runs the same
 * three sizes. The line adds the heap allocation and the native memory of a step.
 */
final class XkdBenchmark {
    private static final int WARM_UP_STEPS = 5;

    private XkdBenchmark() {}

    /**
     * Runs {@code xkd --config S|M|L [--steps N]}.
     *
     * @param arguments arguments after {@code xkd}
     */
    static void run(String... arguments) {
        String name = option(arguments, "--config", "S").toUpperCase(Locale.ROOT);
        if (!List.of("S", "M", "L").contains(name)) {
            throw new IllegalArgumentException("[xkd] unknown size " + name + "; --config takes S, M or L");
        }
        XkdSteps.Size size = XkdSteps.Size.named(name);
        int count = Integer.parseInt(option(arguments, "--steps", "8"));
        System.err.println(Device.cpu().backend().description());
        try (var steps = new XkdSteps(Device.cpu(), DType.F32, size, WARM_UP_STEPS + count, false, AdamW.Storage.PLAIN)) {
            for (int i = 0; i < WARM_UP_STEPS; i++) {
                steps.next();
            }
            XkdSteps.Cost[] costs = new XkdSteps.Cost[count];
            for (int i = 0; i < count; i++) {
                costs[i] = steps.next();
            }
            report(name, size, steps.parameters(), costs);
        }
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

    private static String option(String[] arguments, String name, String otherwise) {
        int at = Arrays.asList(arguments).indexOf(name);
        return at >= 0 && at + 1 < arguments.length ? arguments[at + 1] : otherwise;
    }
}
