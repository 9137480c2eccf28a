package kept.bench;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/** The threads that all sides use, and bounds are measured on. */
final class Threads {
    /** Read by the CPU device when it opens, too. */
    static final String PROPERTY = "kept.threads";

    private Threads() {}

    /** How many. */
    static int count() {
        return Integer.getInteger(PROPERTY, Runtime.getRuntime().availableProcessors());
    }

    /**
     * Measures a rate on all threads at once.
     *
     * @param measurement gives the rate of one thread, whose number it takes
     * @return the sum of the rates
     */
    static double sum(IntToDoubleFunction measurement) {
        double[] rates = new double[count()];
        Thread[] threads = new Thread[rates.length];
        for (int i = 0; i < threads.length; i++) {
            int own = i;
            threads[i] = Thread.ofPlatform().start(() -> rates[own] = measurement.applyAsDouble(own));
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
