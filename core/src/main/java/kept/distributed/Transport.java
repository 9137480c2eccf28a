package kept.distributed;

import java.util.Optional;

/**
 * What carries bytes between two ranks, such as an MPI library; for the authors of engines. A {@link Communicator} builds all else on it. Its
 * methods are those of a channel for one thread; {@link #background} is another.
 */
public interface Transport extends Channel, AutoCloseable {
    /**
     * The engine, for messages.
     *
     * @return its name and version
     */
    String name();

    /**
     * This process's number.
     *
     * @return 0 to {@link #size} - 1
     */
    int rank();

    /**
     * The number of processes.
     *
     * @return 1 or more
     */
    int size();

    /**
     * This process's number among those of its machine.
     *
     * @return 0 to {@link #localSize} - 1
     */
    int localRank();

    /**
     * The number of processes on this machine.
     *
     * @return 1 or more
     */
    int localSize();

    /**
     * A channel for a second thread, which uses it while the first one uses this transport.
     *
     * @return the same channel at each call; it ends with this transport
     */
    Channel background();

    /**
     * The sums that the engine computes itself.
     *
     * @return the same object at each call, for the thread of this transport; empty if the engine has none
     */
    default Optional<EngineSums> sums() {
        return Optional.empty();
    }

    /**
     * Looks for news of another rank, without waiting, while this one waits for it by other means. A rank that has ended may have sent its last
     * message before, so it is missing only {@linkplain RankTimeout#ofEnded some time} later.
     *
     * @param peer the rank that is waited for
     * @param waitedNanos for how long this rank has waited
     * @throws RankException if any rank has {@linkplain #fail failed}, or the peer has ended or has not been heard of for too long
     */
    void check(int peer, long waitedNanos);

    /**
     * Tells all other ranks that this one cannot go on: their next or current {@link #exchange} throws. Does not throw.
     *
     * @param reason one line: what went wrong in this rank
     */
    void fail(String reason);

    /** Ends the engine, after waiting for the other ranks to end theirs; called once. */
    @Override
    void close();
}
