package kept.calibration;

import java.util.concurrent.ForkJoinPool;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Threads for work in double precision, which no tensor holds: as many as kernels have. Tasks write different places, so it does not matter who
 * does it.
 */
final class Workers implements AutoCloseable {
    private final ForkJoinPool pool;

    /**
     * Starts them.
     *
     * @param threads how many
     */
    Workers(int threads) {
        pool = new ForkJoinPool(threads);
    }

    /** As many as kernels have: the system property {@code kept.threads}, or one for each processor. */
    static Workers likeKernels() {
        return new Workers(Math.max(1, Integer.getInteger("kept.threads", Runtime.getRuntime().availableProcessors())));
    }

    /** Runs {@code body(0) ... body(tasks - 1)}, in any order, and returns when all are done. */
    void run(int tasks, IntConsumer body) {
        // A parallel stream started from a thread of a pool is run by that pool.
        pool.submit(() -> IntStream.range(0, tasks).parallel().forEach(body)).join();
    }

    @Override
    public void close() {
        pool.close();
    }
}
