package kept.bench;

import java.util.Arrays;

/**
 * Runs a contest's sides in turns, ours, the peer's, the ceiling, ours, the peer's, the ceiling and so on in one process, so that whatever else the
 * machine does meets all of them; and takes the median of each. Between turns there is a pause in which threads that spin for work give up.
 *
 * @param rounds how many turns each side gets
 * @param turnNanos how long a turn is at least; it ends with the run that reaches it
 * @param peer whether the peer runs
 * @param plain whether the plain loop runs: once, after the rounds
 */
record Race(int rounds, long turnNanos, boolean peer, boolean plain) {
    private static final long PAUSE_MILLIS = 10;
    /** What the compiler gets before ours is measured: at least so many turns' time, and more while turns still get faster. */
    private static final int SHORTEST_WARM_UP = 15;

    private static final int LONGEST_WARM_UP = 150;
    private static final int STEADY_TURNS = 10;
    private static final double FASTER = 0.98;

    /**
     * Runs one contest.
     *
     * @param contest not opened; closed on return
     * @return its line of the table
     */
    Row run(Contest contest) {
        contest.open();
        try {
            double[] ours = new double[rounds];
            double[] theirs = new double[rounds];
            double[] ceilings = new double[rounds];
            warmUp(contest::ours);
            if (peer) {
                turn(contest::peer, turnNanos);
            }
            contest.ceiling().measure(turnNanos);
            for (int round = 0; round < rounds; round++) {
                ours[round] = turn(contest::ours, turnNanos);
                if (peer) {
                    theirs[round] = turn(contest::peer, turnNanos);
                }
                pause();
                ceilings[round] = contest.ceiling().measure(turnNanos / 2);
            }
            Double plainMillis = plain ? turn(contest::plain, 1) / 1e6 : null;
            return row(contest, median(ours), peer ? median(theirs) : null, plainMillis, median(ceilings));
        } finally {
            contest.close();
        }
    }

    private static Row row(Contest contest, double ours, Double theirs, Double plainMillis, double ceiling) {
        double rate = contest.work() / ours;
        return new Row(contest.label(), contest.sizes(), Threads.count(), ours / 1e6, theirs == null ? null : theirs / 1e6, plainMillis,
                theirs == null ? null : theirs / ours, rate, contest.ceiling().unit(), contest.ceiling().label(), ceiling, 100 * rate / ceiling);
    }

    private void warmUp(Runnable side) {
        long start = System.nanoTime();
        double best = Double.POSITIVE_INFINITY;
        int steady = 0;
        double turns;
        do {
            double time = turn(side, turnNanos);
            steady = time < FASTER * best ? 0 : steady + 1;
            best = Math.min(best, time);
            turns = (double) (System.nanoTime() - start) / turnNanos;
        } while (turns < SHORTEST_WARM_UP || steady < STEADY_TURNS && turns < LONGEST_WARM_UP);
    }

    /** Nanoseconds of a run, on average over a turn. */
    private static double turn(Runnable side, long nanos) {
        pause();
        long start = System.nanoTime();
        int runs = 0;
        long taken;
        do {
            side.run();
            runs++;
            taken = System.nanoTime() - start;
        } while (taken < nanos);
        return (double) taken / runs;
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
