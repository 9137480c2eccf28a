package kept.distributed;

import java.lang.foreign.MemorySegment;

/** Messages between threads. */
final class ThreadTransport implements Transport {
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
        Mailboxes.Letter letter = sent == null ? null : mailboxes.post(rank, peer, sent);
        if (received != null) {
            mailboxes.take(peer, rank, received);
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
