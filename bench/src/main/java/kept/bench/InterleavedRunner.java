package kept.bench;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Measures this library, its peers and the hardware bound of a case in interleaved rounds in one process, so that other load on the machine affects
 * all of them alike, and takes the median of each. A pause before each sample lets the idle worker threads of the previous side stop spinning.
 *
 * <p>The warm-up follows the preparation of the peers, after which the JIT compiles for seconds, on one of a few cores. While it does, samples do not
 * count as steady.
 *
 * @param rounds number of rounds, each with one sample per side
 * @param sampleNanos minimum duration of a sample; it ends with the run that reaches it
 * @param peers the peers to measure, each in the cases that it runs
 * @param plain whether to run the plain loop, once, after the rounds
 */
record InterleavedRunner(int rounds, long sampleNanos, Set<Peer> peers, boolean plain) {
    private static final long PAUSE_MILLIS = 10;
    /** Limits of the warm-up in multiples of the sample duration. In between, it ends once samples no longer get faster and the JIT is idle. */
    private static final int MIN_WARM_UP = 15;

    private static final int MAX_WARM_UP = 150;
    /** Number of consecutive samples without an improvement, during which the JIT compiled little, that end the warm-up. */
    private static final int STEADY_SAMPLES = 10;
    /** A sample counts as an improvement below this multiple of the best one. */
    private static final double IMPROVEMENT = 0.98;
    /** The JIT compiles little if its threads take less than this part of a sample. */
    private static final double COMPILING = 0.05;

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
            Map<Peer, double[]> peerNanos = new EnumMap<>(Peer.class);
            double[] boundRates = new double[rounds];
            for (Peer peer : peersOf(benchmark)) {
                peerNanos.put(peer, new double[rounds]);
                sample(() -> benchmark.run(peer), sampleNanos);
            }
            benchmark.bound().measure(sampleNanos);
            warmUp(benchmark::ours);
            for (int round = 0; round < rounds; round++) {
                oursNanos[round] = sample(benchmark::ours, sampleNanos);
                for (Map.Entry<Peer, double[]> peer : peerNanos.entrySet()) {
                    peer.getValue()[round] = sample(() -> benchmark.run(peer.getKey()), sampleNanos);
                }
                pause();
                boundRates[round] = benchmark.bound().measure(sampleNanos / 2);
            }
            Double plainMillis = plain ? sample(benchmark::plain, 1) / 1e6 : null;
            return row(benchmark, median(oursNanos), peerNanos, plainMillis, median(boundRates));
        } finally {
            benchmark.close();
        }
    }

    private Set<Peer> peersOf(BenchmarkCase benchmark) {
        Set<Peer> common = EnumSet.copyOf(benchmark.peers());
        common.retainAll(peers);
        return common;
    }

    private static Row row(BenchmarkCase benchmark, double oursNanos, Map<Peer, double[]> peerNanos, Double plainMillis, double boundRate) {
        List<Row.PeerTime> peers = peerNanos.entrySet().stream().map(peer -> new Row.PeerTime(peer.getKey().label(), median(peer.getValue()) / 1e6,
                median(peer.getValue()) / oursNanos)).toList();
        double rate = benchmark.work() / oursNanos;
        HardwareBound bound = benchmark.bound();
        return new Row(benchmark.label(), benchmark.sizes(), Threads.count(), oursNanos / 1e6, peers, plainMillis, rate,
                new Row.Bound(bound.label(), bound.unit(), boundRate, 100 * rate / boundRate));
    }

    private void warmUp(Runnable side) {
        long start = System.nanoTime();
        double best = Double.POSITIVE_INFINITY;
        int steady = 0;
        double samples;
        do {
            long compiled = compilationMillis();
            double nanos = sample(side, sampleNanos);
            boolean compiling = (compilationMillis() - compiled) * 1e6 > COMPILING * sampleNanos;
            steady = nanos < IMPROVEMENT * best ? 0 : compiling ? steady : steady + 1;
            best = Math.min(best, nanos);
            samples = (double) (System.nanoTime() - start) / sampleNanos;
        } while (samples < MIN_WARM_UP || steady < STEADY_SAMPLES && samples < MAX_WARM_UP);
    }

    /** Time that the JIT's threads have taken together. */
    private static long compilationMillis() {
        CompilationMXBean jit = ManagementFactory.getCompilationMXBean();
        return jit != null && jit.isCompilationTimeMonitoringSupported() ? jit.getTotalCompilationTime() : 0;
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
