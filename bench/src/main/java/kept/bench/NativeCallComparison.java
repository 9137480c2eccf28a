package kept.bench;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import kept.tensor.TensorException;

/**
 * Compares calls of the CUDA driver and cuBLAS through the foreign function and memory API (FFM) with JCuda's calls through JNI, in interleaved
 * rounds on the same GPU. Kernel launches are timed until they are queued, with fewer launches than fill the driver's queue; cuBLAS products are
 * timed until a series of them has finished.
 */
final class NativeCallComparison {
    private static final int LAUNCHES = 500;
    private static final int[] SIZES = {64, 1024, 8192};

    private final boolean tiny;
    private final Pattern only;
    private final PrintStream out;

    /**
     * Creates a comparison.
     *
     * @param tiny whether to run one sample of the smallest size only
     * @param only selects the rows whose name contains a match
     * @param out receives the table
     */
    NativeCallComparison(boolean tiny, Pattern only, PrintStream out) {
        this.tiny = tiny;
        this.only = only;
        this.out = out;
    }

    /** Runs the comparison. A side that cannot be opened is left out and named with the reason in one line. */
    void run() {
        for (int size : tiny ? new int[] {SIZES[0]} : SIZES) {
            String product = "bf16 cublasGemmEx %d^3".formatted(size);
            boolean launches = size == SIZES[0] && only.matcher("empty launch").find();
            if (!launches && !only.matcher(product).find()) {
                continue;
            }
            try (NativeCalls ffm = open("FFM", FfmCalls::open, size); NativeCalls jni = open("JCuda", JcudaCalls::open, size)) {
                if (ffm == null && jni == null) {
                    return;
                }
                if (launches) {
                    row("empty launch, 4 arguments", ffm, jni, LAUNCHES, NativeCallComparison::timeLaunches);
                }
                if (only.matcher(product).find()) {
                    row(product, ffm, jni, size > 4096 ? 10 : 200, NativeCallComparison::timeProducts);
                }
            }
        }
    }

    private NativeCalls open(String name, IntFunction<NativeCalls> opener, int size) {
        try {
            return opener.apply(size);
        } catch (TensorException | IllegalStateException e) {
            out.printf("%s is left out: %s%n", name, e.getMessage());
            return null;
        }
    }

    /** Measures the average microseconds of one call. */
    @FunctionalInterface
    private interface Timing {
        double micros(NativeCalls calls, int count);
    }

    private static double timeLaunches(NativeCalls calls, int count) {
        calls.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            calls.launch();
        }
        double micros = (System.nanoTime() - start) / 1e3 / count;
        calls.synchronize();
        return micros;
    }

    private static double timeProducts(NativeCalls calls, int count) {
        calls.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            calls.multiply();
        }
        calls.synchronize();
        return (System.nanoTime() - start) / 1e3 / count;
    }

    private void row(String name, NativeCalls ffm, NativeCalls jni, int count, Timing timing) {
        int warmUp = tiny ? 0 : 20;
        int rounds = tiny ? 1 : 15;
        double[] ffmMicros = new double[rounds];
        double[] jniMicros = new double[rounds];
        for (int i = -warmUp; i < rounds; i++) {
            double first = ffm == null ? Double.NaN : timing.micros(ffm, tiny ? 1 : count);
            double second = jni == null ? Double.NaN : timing.micros(jni, tiny ? 1 : count);
            if (i >= 0) {
                ffmMicros[i] = first;
                jniMicros[i] = second;
            }
        }
        double a = median(ffmMicros);
        double b = median(jniMicros);
        out.printf(Locale.ROOT, "%-30s FFM %8.2f us, JCuda (JNI) %8.2f us, ratio %.2f%n", name, a, b, b / a);
    }

    private static double median(double... values) {
        Arrays.sort(values);
        return values[values.length / 2];
    }
}
