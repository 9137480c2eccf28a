package kept.distributed;

import java.lang.foreign.MemorySegment;

/**
 * What carries bytes between two ranks, such as an MPI library; for the authors of engines. A {@link Communicator} builds all else on it. One thread
 * at a time calls its methods.
 */
public interface Transport extends AutoCloseable {
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
     * Sends one message to another rank and receives one from it at the same time; ends when both are done. Messages between two ranks arrive in the
     * order in which they were sent.
     *
     * @param sent the bytes to send, or null for no message
     * @param received overwritten with the other rank's message, of as many bytes, or null for no message
     * @param peer the other rank
     * @throws RankException if another rank has {@linkplain #fail failed}, this one does not answer in time, or its message has another size
     */
    void exchange(MemorySegment sent, MemorySegment received, int peer);

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
