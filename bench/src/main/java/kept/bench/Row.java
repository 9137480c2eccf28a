package kept.bench;

/**
 * A line of the table: medians over the rounds.
 *
 * @param benchmark what was done
 * @param sizes on how much
 * @param threads the threads of ours, of the peer and of the ceiling
 * @param oursMillis the time of one run of ours
 * @param peerMillis the peer's; null without one
 * @param plainMillis a plain loop's, on one thread; null if it was not run
 * @param ratio how many times faster than the peer; null without one
 * @param rate of ours, in {@code unit}
 * @param unit of the rate and the ceiling: GFLOP/s or GB/s
 * @param bound what the ceiling is
 * @param ceiling its rate in the same rounds
 * @param percentOfCeiling 100 times the rate over the ceiling
 */
record Row(
        String benchmark, String sizes, int threads, double oursMillis, Double peerMillis, Double plainMillis, Double ratio, double rate, String unit,
        String bound, double ceiling, double percentOfCeiling) {}
