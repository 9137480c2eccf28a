package kept.bench;

import java.util.List;

/**
 * A row of the table, with medians over the rounds. The component names are the keys of the JSON output.
 *
 * @param benchmark name of the operation
 * @param sizes sizes of the operands
 * @param threads threads of this library, of the peers and of the bound
 * @param oursMillis milliseconds of one run of this library
 * @param peers measurements of the peers, each in the same rounds
 * @param plainMillis milliseconds of one run of the plain loop on one thread; null if it was not run
 * @param rate rate of this library in the unit of the bound
 * @param bound the roofline bound
 */
record Row(String benchmark, String sizes, int threads, double oursMillis, List<PeerTime> peers, Double plainMillis, double rate, Bound bound) {
    /**
     * A measurement of a peer.
     *
     * @param peer its name
     * @param millis milliseconds of one run
     * @param ratio {@code millis / oursMillis}: how many times as fast this library is
     */
    record PeerTime(String peer, double millis, double ratio) {}

    /**
     * A bound of the hardware, measured in the same rounds.
     *
     * @param name what it bounds
     * @param unit unit of the rate: GFLOP/s or GB/s
     * @param rate the highest rate
     * @param percent rate of this library in percent of it
     */
    record Bound(String name, String unit, double rate, double percent) {}

    /** Returns the measurement of a peer, or null if it was not measured. */
    PeerTime peer(Peer peer) {
        return peers.stream().filter(time -> time.peer().equals(peer.label())).findFirst().orElse(null);
    }
}
