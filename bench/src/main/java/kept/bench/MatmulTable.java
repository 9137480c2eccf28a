package kept.bench;

import java.util.Locale;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Matrix products at the sizes of training, against the most that the processor's fused multiply-adds give in the same minute: each row is the
 * best of many runs, which says what the code can do on a machine that others use, too.
 */
final class MatmulTable {
    /** The products of a linear layer y = x W^T over some tokens: rows of x, outputs, inputs. */
    private static final int[][] LAYERS = {
        {2048, 256, 256}, {2048, 768, 256}, {2048, 256, 768}, {2048, 4096, 256},
        {1024, 768, 768}, {1024, 2304, 768}, {1024, 768, 2304}, {1024, 32000, 768}};
    private static final int[] SQUARES = {512, 1024, 2048};
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final long MEASURED_NANOS = 1_000_000_000L;

    /** Keeps the peak's arithmetic from being optimised away. */
    private static volatile float result;

    private MatmulTable() {}

    /** Measures and prints a line for each product, as it goes. */
    static void print() {
        double peak = peakOfAllThreads();
        System.out.printf(Locale.ROOT, "%d threads, fused multiply-add peak %.0f GFLOP/s%n", threads(), peak);
        System.out.printf("%-22s %6s %6s %6s %10s %9s %6s%n", "product", "m", "n", "k", "ms", "GFLOP/s", "peak");
        for (int size : SQUARES) {
            product("square", size, size, size, false, false, peak);
        }
        for (int[] layer : LAYERS) {
            product("y = x W^T", layer[0], layer[1], layer[2], false, true, peak);
            product("dx = dy W", layer[0], layer[2], layer[1], false, false, peak);
            product("dW = dy^T x", layer[1], layer[2], layer[0], true, false, peak);
        }
        System.out.printf(Locale.ROOT, "fused multiply-add peak afterwards %.0f GFLOP/s%n", peakOfAllThreads());
    }

    private static int threads() {
        return Integer.getInteger("kept.threads", Runtime.getRuntime().availableProcessors());
    }

    private static void product(String name, int m, int n, int k, boolean leftTransposed, boolean rightTransposed, double peak) {
        try (var _ = Scope.open()) {
            Tensor left = leftTransposed ? Tensor.normal(1, 0, k, m).transpose(0, 1) : Tensor.normal(1, 0, m, k);
            Tensor right = rightTransposed ? Tensor.normal(1, 1, n, k).transpose(0, 1) : Tensor.normal(1, 1, k, n);
            long best = Long.MAX_VALUE;
            long end = System.nanoTime() + MEASURED_NANOS;
            do {
                long start = System.nanoTime();
                try (var _ = Scope.open()) {
                    left.matmul(right);
                }
                best = Math.min(best, System.nanoTime() - start);
            } while (System.nanoTime() < end);
            double speed = 2.0 * m * n * k / best;
            System.out.printf(Locale.ROOT, "%-22s %6d %6d %6d %10.3f %9.1f %5.0f%%%n", name, m, n, k, best / 1e6, speed, 100 * speed / peak);
        }
    }

    private static double peakOfAllThreads() {
        double[] peaks = new double[threads()];
        Thread[] all = new Thread[peaks.length];
        for (int i = 0; i < all.length; i++) {
            int own = i;
            all[i] = Thread.ofPlatform().start(() -> peaks[own] = peak());
        }
        double sum = 0;
        for (int i = 0; i < all.length; i++) {
            try {
                all[i].join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            sum += peaks[i];
        }
        return sum;
    }

    /** GFLOP/s of one thread: the best of two seconds, of which the compiler takes some. */
    private static double peak() {
        int steps = 20_000;
        double best = 0;
        long end = System.nanoTime() + 2 * MEASURED_NANOS;
        do {
            long start = System.nanoTime();
            multiplyAdd(steps);
            best = Math.max(best, 2.0 * 8 * SPECIES.length() * steps / (System.nanoTime() - start));
        } while (System.nanoTime() < end);
        return best;
    }

    /** Eight independent chains: enough for two units of a latency of four. */
    private static void multiplyAdd(int steps) {
        FloatVector factor = FloatVector.broadcast(SPECIES, 0.999f);
        FloatVector term = FloatVector.broadcast(SPECIES, 0.001f);
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a.add(1);
        FloatVector c = a.add(2);
        FloatVector d = a.add(3);
        FloatVector e = a.add(4);
        FloatVector f = a.add(5);
        FloatVector g = a.add(6);
        FloatVector h = a.add(7);
        for (int i = 0; i < steps; i++) {
            a = a.fma(factor, term);
            b = b.fma(factor, term);
            c = c.fma(factor, term);
            d = d.fma(factor, term);
            e = e.fma(factor, term);
            f = f.fma(factor, term);
            g = g.fma(factor, term);
            h = h.fma(factor, term);
        }
        result = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).lane(0);
    }
}
