package kept.bench;

import java.util.Arrays;

/**
 * Measures this library, the peer and the hardware bound of a case in interleaved rounds in one process, so that other load on the machine affects
 * all of them alike, and takes the median of each. A pause before each sample lets the idle worker threads of the previous side stop spinning.
 *
 * @param rounds number of rounds, each with one sample per side
 * @param sampleNanos minimum duration of a sample; it ends with the run that reaches it
 * @param peer whether to measure the peer
 * @param plain whether to run the plain loop, once, after the rounds
 */
record InterleavedRunner(int rounds, long sampleNanos, boolean peer, boolean plain) {
    private static final long PAUSE_MILLIS = 10;
    /** Limits of the warm-up in multiples of the sample duration. In between, the warm-up ends once samples no longer get faster. */
    private static final int MIN_WARM_UP = 15;

    private static final int MAX_WARM_UP = 150;
    /** Number of consecutive samples without an improvement that end the warm-up. */
    private static final int STEADY_SAMPLES = 10;
    /** A sample counts as an improvement below this multiple of the best one. */
    private static final double IMPROVEMENT = 0.98;

    /**
     * Measures one case.
     *
     * @param benchmark a case that is not open; it is closed on return
     * @return row of the table
     */
    Row run(BenchmarkCase benchmark) {
        benchmark.open();
        try {
            double[] oursNanos = new double[rounds];
            double[] peerNanos = new double[rounds];
            double[] boundRates = new double[rounds];
            warmUp(benchmark::ours);
            if (peer) {
                sample(benchmark::peer, sampleNanos);
            }
            benchmark.bound().measure(sampleNanos);
            for (int round = 0; round < rounds; round++) {
                oursNanos[round] = sample(benchmark::ours, sampleNanos);
                if (peer) {
                    peerNanos[round] = sample(benchmark::peer, sampleNanos);
                }
                pause();
                boundRates[round] = benchmark.bound().measure(sampleNanos / 2);
            }
            Double plainMillis = plain ? sample(benchmark::plain, 1) / 1e6 : null;
            return row(benchmark, median(oursNanos), peer ? median(peerNanos) : null, plainMillis, median(boundRates));
        } finally {
            benchmark.close();
        }
    }

    private static Row row(BenchmarkCase benchmark, double oursNanos, Double peerNanos, Double plainMillis, double boundRate) {
        double rate = benchmark.work() / oursNanos;
        HardwareBound bound = benchmark.bound();
        Double peerMillis = peerNanos == null ? null : peerNanos / 1e6;
        Double ratio = peerNanos == null ? null : peerNanos / oursNanos;
        return new Row(benchmark.label(), benchmark.sizes(), Threads.count(), oursNanos / 1e6, peerMillis, plainMillis, ratio, rate, bound.unit(),
                bound.label(), boundRate, 100 * rate / boundRate);
    }

    private void warmUp(Runnable side) {
        long start = System.nanoTime();
        double best = Double.POSITIVE_INFINITY;
        int steady = 0;
        double samples;
        do {
            double nanos = sample(side, sampleNanos);
            steady = nanos < IMPROVEMENT * best ? 0 : steady + 1;
            best = Math.min(best, nanos);
            samples = (double) (System.nanoTime() - start) / sampleNanos;
        } while (samples < MIN_WARM_UP || steady < STEADY_SAMPLES && samples < MAX_WARM_UP);
    }

    /** Runs one side for the given time and returns the average nanoseconds of a run. */
    private static double sample(Runnable side, long nanos) {
        pause();
        long start = System.nanoTime();
        int runs = 0;
        long elapsed;
        do {
            side.run();
            runs++;
            elapsed = System.nanoTime() - start;
        } while (elapsed < nanos);
        return (double) elapsed / runs;
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
