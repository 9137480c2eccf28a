package kept.bench;

/**
 * A row of the table, with medians over the rounds. The component names are the keys of the JSON output.
 *
 * @param benchmark name of the operation
 * @param sizes sizes of the operands
 * @param threads threads of this library, of the peer and of the bound
 * @param oursMillis milliseconds of one run of this library
 * @param peerMillis milliseconds of one run of the peer; null without a peer
 * @param plainMillis milliseconds of one run of the plain loop on one thread; null if it was not run
 * @param ratio {@code peerMillis / oursMillis}; null without a peer
 * @param rate rate of this library in {@code unit}
 * @param unit unit of rate and bound: GFLOP/s or GB/s
 * @param bound name of the roofline bound
 * @param ceiling rate of the bound, measured in the same rounds
 * @param percentOfCeiling rate of this library in percent of the bound
 */
record Row(
        String benchmark, String sizes, int threads, double oursMillis, Double peerMillis, Double plainMillis, Double ratio, double rate, String unit,
        String bound, double ceiling, double percentOfCeiling) {}
