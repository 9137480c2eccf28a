package kept.distributed;

/** What is known of the other ranks while one waits for them by other means than the {@link Transport}. */
@FunctionalInterface
public interface Peers {
    /**
     * Looks for news of another rank, without waiting.
     *
     * @param peer the rank that is waited for
     * @param waitedNanos for how long this rank has waited
     * @throws RankException if any rank has failed, or the peer has ended or has not been heard of for too long
     */
    void check(int peer, long waitedNanos);
}
