package kept.distributed;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The messages between the ranks of one process: a queue for each pair and channel, of memory that the receiver copies from. */
final class Mailboxes {
    private static final int CHANNELS = 2;

    private final int ranks;
    private final long timeoutNanos;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Queue<Letter>[] queues;
    private final boolean[] closed;
    private final long[] closedAt;
    private int failedRank = -1;
    private String failure;

    /** A message; taken when the receiver has copied it. */
    static final class Letter {
        private final MemorySegment bytes;
        private boolean taken;

        Letter(MemorySegment bytes) {
            this.bytes = bytes;
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    Mailboxes(int ranks, long timeoutNanos) {
        this.ranks = ranks;
        this.timeoutNanos = timeoutNanos;
        queues = new Queue[CHANNELS * ranks * ranks];
        closed = new boolean[ranks];
        closedAt = new long[ranks];
    }

    int ranks() {
        return ranks;
    }

    Letter post(int from, int to, int channel, MemorySegment bytes) {
        var letter = new Letter(bytes);
        lock.lock();
        try {
            queue(from, to, channel).add(letter);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        return letter;
    }

    void take(int from, int to, int channel, MemorySegment target) {
        lock.lock();
        try {
            await(from, () -> !queue(from, to, channel).isEmpty());
            Letter letter = queue(from, to, channel).element();
            if (letter.bytes.byteSize() != target.byteSize()) {
                throw new RankException("[ranks] rank %d sends %d bytes where rank %d expects %d: the ranks do not do the same"
                        .formatted(from, letter.bytes.byteSize(), to, target.byteSize()));
            }
            queue(from, to, channel).remove();
            target.copyFrom(letter.bytes);
            letter.taken = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void awaitTaken(Letter letter, int to) {
        lock.lock();
        try {
            await(to, () -> letter.taken);
        } finally {
            lock.unlock();
        }
    }

    /** The first failure counts; later ones are its consequences. */
    void fail(int rank, String reason) {
        lock.lock();
        try {
            if (failure == null) {
                failedRank = rank;
                failure = reason;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    int failedRank() {
        lock.lock();
        try {
            return failedRank;
        } finally {
            lock.unlock();
        }
    }

    void close(int rank) {
        lock.lock();
        try {
            closedAt[rank] = System.nanoTime();
            closed[rank] = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private interface Check {
        boolean isTrue();
    }

    /** Throws if a rank has failed, or the one that is waited for has ended or does not answer in time, as {@link Transport#check}. */
    void check(int peer, long waitedNanos) {
        lock.lock();
        try {
            check(peer, waitedNanos, closed[peer] && System.nanoTime() - closedAt[peer] > RankTimeout.ofEnded(timeoutNanos));
        } finally {
            lock.unlock();
        }
    }

    private void check(int peer, long waitedNanos, boolean isGone) {
        if (failure != null) {
            throw new RankException("[ranks] rank %d has failed: %s".formatted(failedRank, failure));
        }
        if (isGone) {
            throw RankTimeout.ended(peer);
        }
        if (waitedNanos >= timeoutNanos) {
            throw RankTimeout.missing(peer, timeoutNanos);
        }
    }

    private void await(int peer, Check check) {
        long left = timeoutNanos;
        while (!check.isTrue()) {
            check(peer, timeoutNanos - left, closed[peer]);
            try {
                left = changed.awaitNanos(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new RankException("[ranks] interrupted while waiting for rank " + peer, e);
            }
        }
    }

    private Queue<Letter> queue(int from, int to, int channel) {
        int index = (channel * ranks + from) * ranks + to;
        if (queues[index] == null) {
            queues[index] = new ArrayDeque<>();
        }
        return queues[index];
    }
}
