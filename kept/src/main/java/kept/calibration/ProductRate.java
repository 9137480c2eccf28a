package kept.calibration;

import kept.autograd.Autograd;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** How fast a device computes, measured for about half a second, and longer until the JIT has compiled the code. */
public final class ProductRate {
    /** The duration of one measurement in nanoseconds. */
    private static final long WINDOW = 100_000_000;
    /** Measurements without a better one that end it, and the most of all. */
    private static final int STEADY = 3;
    private static final int MAX_WINDOWS = 40;
    private static final double BETTER = 1.05;

    private ProductRate() {}

    /**
     * Measures the product of {@code x [rows, in]} and {@code w [out, in]} transposed.
     *
     * @param rows rows of x
     * @param out rows of w
     * @param in columns of both
     * @param dtypes the types of x and w
     * @param device where they are
     * @return operations per second: a multiplication and an addition for each element of x and row of w
     */
    public static double of(long rows, long out, long in, Dtypes dtypes, Device device) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device)) {
                Tensor x = Tensor.uniform(1, 0, rows, in).cast(dtypes.x);
                Tensor w = Tensor.uniform(1, 1, out, in).cast(dtypes.w);
                return 2.0 * rows * out * in * timesASecond(() -> {
                    try (var _ = Scope.open(device)) {
                        // A device's work is only queued until a result is read.
                        x.linear(w).slice(0, 0, 1).slice(1, 0, 1).item();
                    }
                });
            }
        });
    }

    /**
     * The types of a product's operands.
     *
     * @param x of the rows
     * @param w of the matrix
     */
    public record Dtypes(DType x, DType w) {}

    /**
     * Measures how often work is done in a second.
     *
     * @param work what is done again and again; it ends when its result is there
     * @return the number of times
     */
    static double timesASecond(Runnable work) {
        double best = 0;
        int steady = 0;
        for (int window = 0; window < MAX_WINDOWS && steady < STEADY; window++) {
            double last = windowOf(work);
            steady = last > BETTER * best ? 0 : steady + 1;
            best = Math.max(best, last);
        }
        return best;
    }

    private static double windowOf(Runnable work) {
        long start = System.nanoTime();
        long count = 0;
        long passed;
        do {
            work.run();
            count++;
            passed = System.nanoTime() - start;
        } while (passed < WINDOW);
        return count * 1e9 / passed;
    }
}
