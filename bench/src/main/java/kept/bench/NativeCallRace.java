package kept.bench;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import kept.tensor.TensorException;

/**
 * Our calls of the driver and of cuBLAS, through FFM, beside JCuda's, through JNI, in turns on the same GPU. Of a launch the time until it is queued
 * counts, over fewer than the driver queues before it makes the host wait; of a product the time until it is done, over many in a row.
 */
final class NativeCallRace {
    private static final int LAUNCHES = 500;
    private static final int[] SIZES = {64, 1024, 8192};

    private final boolean tiny;
    private final Pattern only;
    private final PrintStream out;

    /**
     * A race.
     *
     * @param tiny one turn each, of the smallest size
     * @param only rows in whose names this is found
     * @param out where the table goes
     */
    NativeCallRace(boolean tiny, Pattern only, PrintStream out) {
        this.tiny = tiny;
        this.only = only;
        this.out = out;
    }

    /** Runs it; a side that cannot be opened is left out, with its reason in one line. */
    void run() {
        for (int size : tiny ? new int[] {SIZES[0]} : SIZES) {
            String product = "bf16 cublasGemmEx %d^3".formatted(size);
            boolean launches = size == SIZES[0] && only.matcher("empty launch").find();
            if (!launches && !only.matcher(product).find()) {
                continue;
            }
            try (NativeCalls ours = open("FFM", FfmCalls::open, size); NativeCalls peer = open("JCuda", JcudaCalls::open, size)) {
                if (ours == null && peer == null) {
                    return;
                }
                if (launches) {
                    row("empty launch, 4 arguments", ours, peer, LAUNCHES, NativeCallRace::queueing);
                }
                if (only.matcher(product).find()) {
                    row(product, ours, peer, size > 4096 ? 10 : 200, NativeCallRace::products);
                }
            }
        }
    }

    private NativeCalls open(String name, IntFunction<NativeCalls> opener, int size) {
        try {
            return opener.apply(size);
        } catch (TensorException | IllegalStateException e) {
            out.printf("no calls by %s: %s%n", name, e.getMessage());
            return null;
        }
    }

    /** Microseconds of one call among many. */
    @FunctionalInterface
    private interface Timing {
        double micros(NativeCalls calls, int count);
    }

    private static double queueing(NativeCalls calls, int count) {
        calls.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            calls.launch();
        }
        double micros = (System.nanoTime() - start) / 1e3 / count;
        calls.synchronize();
        return micros;
    }

    private static double products(NativeCalls calls, int count) {
        calls.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            calls.multiply();
        }
        calls.synchronize();
        return (System.nanoTime() - start) / 1e3 / count;
    }

    private void row(String name, NativeCalls ours, NativeCalls peer, int count, Timing timing) {
        int warmUp = tiny ? 0 : 20;
        int turns = tiny ? 1 : 15;
        double[] own = new double[turns];
        double[] other = new double[turns];
        for (int i = -warmUp; i < turns; i++) {
            double first = ours == null ? Double.NaN : timing.micros(ours, tiny ? 1 : count);
            double second = peer == null ? Double.NaN : timing.micros(peer, tiny ? 1 : count);
            if (i >= 0) {
                own[i] = first;
                other[i] = second;
            }
        }
        double a = median(own);
        double b = median(other);
        out.printf(Locale.ROOT, "%-30s FFM %8.2f us, JCuda (JNI) %8.2f us, ratio %.2f%n", name, a, b, b / a);
    }

    private static double median(double... values) {
        Arrays.sort(values);
        return values[values.length / 2];
    }
}
