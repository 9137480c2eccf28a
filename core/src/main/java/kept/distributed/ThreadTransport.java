package kept.distributed;

import java.lang.foreign.MemorySegment;

/** Messages between threads. */
final class ThreadTransport implements Transport {
    private static final int DATA = 0;
    private static final int BACKGROUND = 1;

    private final Mailboxes mailboxes;
    private final int rank;

    ThreadTransport(Mailboxes mailboxes, int rank) {
        this.mailboxes = mailboxes;
        this.rank = rank;
    }

    @Override
    public String name() {
        return "threads";
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return mailboxes.ranks();
    }

    @Override
    public int localRank() {
        return rank;
    }

    @Override
    public int localSize() {
        return mailboxes.ranks();
    }

    @Override
    public void exchange(MemorySegment sent, MemorySegment received, int peer) {
        exchange(sent, received, peer, DATA);
    }

    @Override
    public Channel background() {
        return (sent, received, peer) -> exchange(sent, received, peer, BACKGROUND);
    }

    private void exchange(MemorySegment sent, MemorySegment received, int peer, int channel) {
        Mailboxes.Letter letter = sent == null ? null : mailboxes.post(rank, peer, channel, sent);
        if (received != null) {
            mailboxes.take(peer, rank, channel, received);
        }
        if (letter != null) {
            mailboxes.awaitTaken(letter, peer);
        }
    }

    @Override
    public void check(int peer, long waitedNanos) {
        mailboxes.check(peer, waitedNanos);
    }

    @Override
    public void fail(String reason) {
        mailboxes.fail(rank, reason);
    }

    @Override
    public void close() {
        mailboxes.close(rank);
    }
}
