package kept.bench;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;
import kept.backend.HostLimits;

/** Number of threads of this library, of the peer and of the hardware bounds. */
final class Threads {
    /** System property with the number of threads; the CPU device reads it when it opens. */
    static final String PROPERTY = "kept.threads";

    private Threads() {}

    /** Number of threads; one per physical core unless the property is set. */
    static int count() {
        return Integer.getInteger(PROPERTY, HostLimits.ofThisProcess().processors());
    }

    /**
     * Measures a rate on all threads concurrently.
     *
     * @param measurement measures the rate of one thread; its argument is the index of the thread
     * @return sum of the rates
     */
    static double sum(IntToDoubleFunction measurement) {
        double[] rates = new double[count()];
        Thread[] threads = new Thread[rates.length];
        for (int i = 0; i < threads.length; i++) {
            int index = i;
            threads[i] = Thread.ofPlatform().start(() -> rates[index] = measurement.applyAsDouble(index));
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return Arrays.stream(rates).sum();
    }
}
