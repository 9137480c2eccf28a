package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import kept.distributed.Channel;
import kept.distributed.EngineSums;
import kept.distributed.LastHeard;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;
import kept.distributed.Transport;

/**
 * Messages by MPI. A rank that fails or ends sends a message of another tag than the {@linkplain MpiChannel channels} have to all others, which look
 * for it while they wait. Every rank says now and then that it lives, also while it computes: only one that is not heard of is missing.
 */
final class MpiTransport implements Transport {
    private static final int DATA = 1;
    private static final int FAILURE = 2;
    private static final int GOODBYE = 3;
    private static final int LIVES = 4;
    private static final int BACKGROUND = 5;
    private static final int SUMS = 6;

    /** The rank that fails and the length of its reason, then the reason. */
    private static final int FAILURE_BYTES = 1024;
    private static final int REASON = 2 * Integer.BYTES;

    static final long WATCHFUL_NANOS = TimeUnit.MICROSECONDS.toNanos(100);
    static final long SHORTEST_NANOS = TimeUnit.MICROSECONDS.toNanos(20);
    static final long MOVING_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    static final long LONGEST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long FAREWELL_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** A rank that leaves an engine that is merely slow makes the launchers of the others fail. */
    private static final long SHORTEST_END_NANOS = TimeUnit.SECONDS.toNanos(15);
    private static final long LONGEST_END_NANOS = TimeUnit.SECONDS.toNanos(60);
    /** A rank says so many times within the timeout that it lives, but not more often than every few milliseconds. */
    private static final int BEATS = 10;
    private static final long SHORTEST_BEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final MpiCalls mpi;
    private final long timeoutNanos;
    private final long endNanos;
    private final String name;
    private final int rank;
    private final int size;
    private final int localRank;
    private final int localSize;
    private final Arena arena = Arena.ofShared();
    private final MpiChannel data;
    private final MpiChannel background;
    private final MpiSums sums;
    private final MemorySegment failureBytes = arena.allocate(FAILURE_BYTES, 8);
    private final MemorySegment empty = arena.allocate(8);
    private final MemorySegment unread = arena.allocate(MpiSums.WORDS * Long.BYTES, 8);
    private final MemorySegment ownNumber = arena.allocate(ValueLayout.JAVA_INT);
    private final MemorySegment peerNumber = arena.allocate(ValueLayout.JAVA_INT);
    private final List<MpiCalls.Request> beats = new ArrayList<>();
    private final LastHeard heard;
    /** When the goodbye of each rank was seen first while this one waited by other means; 0 if it was not. */
    private final long[] endedAt;
    private long lastBeat = System.nanoTime();
    private boolean closed;
    private RankException failure;

    /**
     * Starts the engine.
     *
     * @param mpi the library
     * @param timeoutNanos how long a rank waits for another; many times its longest pause
     */
    MpiTransport(MpiCalls mpi, long timeoutNanos) {
        this(mpi, timeoutNanos, Math.clamp(timeoutNanos / BEATS, SHORTEST_END_NANOS, LONGEST_END_NANOS));
    }

    /**
     * Starts the engine.
     *
     * @param mpi the library
     * @param timeoutNanos how long a rank waits for another; many times its longest pause
     * @param endNanos how long a rank waits for the engine's end
     */
    MpiTransport(MpiCalls mpi, long timeoutNanos, long endNanos) {
        this.mpi = mpi;
        this.timeoutNanos = timeoutNanos;
        this.endNanos = endNanos;
        mpi.start();
        name = mpi.name();
        int[] world = mpi.world();
        rank = world[0];
        size = world[1];
        int[] machine = mpi.machine();
        localRank = machine[0];
        localSize = machine[1];
        data = new MpiChannel(this, mpi, DATA, arena);
        background = new MpiChannel(this, mpi, BACKGROUND, arena);
        sums = new MpiSums(this, mpi, SUMS, arena);
        ownNumber.set(ValueLayout.JAVA_INT, 0, rank);
        heard = new LastHeard(size, timeoutNanos);
        endedAt = new long[size];
        Thread.ofPlatform().name("kept-rank").daemon().start(this::live);
    }

    /** Says that this rank lives, while it does something else than to wait for another, which says it too. */
    private void live() {
        while (true) {
            LockSupport.parkNanos(beatNanos());
            synchronized (this) {
                if (closed) {
                    return;
                }
                try {
                    beat();
                } catch (RankException e) {
                    return; // The next exchange reports it.
                }
            }
        }
    }

    private long beatNanos() {
        return Math.max(timeoutNanos / BEATS, SHORTEST_BEAT_NANOS);
    }

    /** Says that this rank lives if it is time, and hears who else does. */
    private void beat() {
        heard.look();
        while (mpi.hasCome(LIVES)) {
            mpi.take(peerNumber, LIVES);
            heard.hear(peerNumber.get(ValueLayout.JAVA_INT, 0));
        }
        if (System.nanoTime() - lastBeat >= beatNanos() / 2) {
            lastBeat = System.nanoTime();
            beats.removeIf(MpiCalls.Request::isDone);
            // A rank that does not take them is not sent more.
            for (int peer = 0; peer < size && beats.size() < 4 * size; peer++) {
                if (peer != rank) {
                    beats.add(mpi.send(ownNumber, peer, LIVES));
                }
            }
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int localRank() {
        return localRank;
    }

    @Override
    public int localSize() {
        return localSize;
    }

    @Override
    public void exchange(MemorySegment sent, MemorySegment received, int peer) {
        data.exchange(sent, received, peer);
    }

    @Override
    public Channel background() {
        return background;
    }

    @Override
    public Optional<EngineSums> sums() {
        return Optional.of(sums);
    }

    /** Calls the library for a channel or a sum. */
    synchronized void call(Runnable calls) {
        requireUsable();
        calls.run();
    }

    /** Waits until the messages of a channel are done; {@code peer} is whom they are to and from. */
    void await(BooleanSupplier done, int peer, long watchfulNanos, long longestNanos) {
        waitFor(() -> isDone(done), watchfulNanos, longestNanos, () -> look(done, peer));
    }

    /** Waits until what all ranks have come to is done. */
    void awaitAll(BooleanSupplier done) {
        waitFor(() -> isDone(done), MOVING_NANOS, SHORTEST_NANOS, () -> lookAtAll(done));
    }

    /** Waits a moment longer, whatever has failed, for what all ranks have come to; returns whether it is done. */
    boolean isDoneSoon(BooleanSupplier done) {
        long start = System.nanoTime();
        while (true) {
            synchronized (this) {
                if (!closed && done.getAsBoolean()) {
                    return true;
                }
            }
            if (System.nanoTime() - start > RankTimeout.ofEnded(timeoutNanos)) {
                return false;
            }
            LockSupport.parkNanos(SHORTEST_NANOS);
        }
    }

    /** A rank that has ended has done its part, but another one may still have to pass it on. */
    private synchronized void lookAtAll(BooleanSupplier done) {
        requireUsable();
        for (int peer = 0; peer < size && !done.getAsBoolean(); peer++) {
            if (peer != rank) {
                check(peer, 0);
            }
        }
    }

    private synchronized boolean isDone(BooleanSupplier done) {
        requireUsable();
        return done.getAsBoolean();
    }

    private synchronized void look(BooleanSupplier done, int peer) {
        requireUsable();
        checkFailure();
        beat();
        heard.requireLiving(peer);
        // A rank that has ended has sent all its messages before.
        if (mpi.hasCome(peer, GOODBYE) && !done.getAsBoolean()) {
            checkFailure(); // What it has sent before may have come since.
            throw RankTimeout.ended(peer);
        }
    }

    /** Ends the messages of a channel or before a sum that nobody waits for any more. */
    synchronized void giveUp(Runnable cancel) {
        if (!closed) {
            cancel.run();
        }
    }

    private void requireUsable() {
        if (failure != null) {
            throw failure;
        }
        if (closed) {
            throw new RankException("[ranks] rank %d has ended its messages".formatted(rank));
        }
    }

    @Override
    public synchronized void check(int peer, long waitedNanos) {
        checkFailure();
        beat();
        heard.requireLiving(peer);
        if (mpi.hasCome(peer, GOODBYE)) {
            endedAt[peer] = endedAt[peer] == 0 ? System.nanoTime() : endedAt[peer];
            if (System.nanoTime() - endedAt[peer] > RankTimeout.ofEnded(timeoutNanos)) {
                checkFailure();
                throw RankTimeout.ended(peer);
            }
        }
    }

    /** Looks at first without pause, giving other processes the core; then with pauses that grow, before each of which {@code look} may throw. */
    private static void waitFor(BooleanSupplier done, long watchfulNanos, long longestNanos, Runnable look) {
        long start = System.nanoTime();
        long pause = SHORTEST_NANOS;
        while (!done.getAsBoolean()) {
            long waited = System.nanoTime() - start;
            if (waited < watchfulNanos) {
                Thread.yield();
                continue;
            }
            look.run();
            if (Thread.currentThread().isInterrupted()) {
                throw new RankException("[ranks] interrupted while waiting for another rank");
            }
            LockSupport.parkNanos(pause);
            pause = Math.min(pause + pause / 4, longestNanos);
        }
    }

    private void checkFailure() {
        if (failure == null && mpi.hasCome(FAILURE)) {
            mpi.take(failureBytes, FAILURE);
            int from = failureBytes.get(ValueLayout.JAVA_INT, 0);
            int length = failureBytes.get(ValueLayout.JAVA_INT, Integer.BYTES);
            String reason = new String(failureBytes.asSlice(REASON, Math.clamp(length, 0, FAILURE_BYTES - REASON)).toArray(ValueLayout.JAVA_BYTE),
                    StandardCharsets.UTF_8);
            failure = new RankException("[ranks] rank %d has failed: %s".formatted(from, reason));
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public synchronized void fail(String reason) {
        if (failure != null) {
            return;
        }
        failure = new RankException("[ranks] rank %d has failed: %s".formatted(rank, reason));
        try {
            // Cut where a character may end in half, which decoding replaces.
            byte[] text = reason.getBytes(StandardCharsets.UTF_8);
            int length = Math.min(text.length, FAILURE_BYTES - REASON);
            failureBytes.fill((byte) 0);
            failureBytes.set(ValueLayout.JAVA_INT, 0, rank);
            failureBytes.set(ValueLayout.JAVA_INT, Integer.BYTES, length);
            MemorySegment.copy(text, 0, failureBytes, ValueLayout.JAVA_BYTE, REASON, length);
            requireSent(sendAll(failureBytes, FAILURE));
        } catch (RankException e) {
            // The launcher ends the ranks that cannot be told.
        }
    }

    /** Begins to send a short message to all other ranks. */
    private List<MpiCalls.Request> sendAll(MemorySegment bytes, int tag) {
        List<MpiCalls.Request> messages = new ArrayList<>();
        for (int peer = 0; peer < size; peer++) {
            if (peer != rank) {
                messages.add(mpi.send(bytes, peer, tag));
            }
        }
        return messages;
    }

    /** Waits for a moment until messages are under way. */
    private void requireSent(List<MpiCalls.Request> messages) {
        long start = System.nanoTime();
        waitFor(() -> messages.stream().allMatch(MpiCalls.Request::isDone), WATCHFUL_NANOS, LONGEST_NANOS, () -> {
            if (System.nanoTime() - start > FAREWELL_NANOS) {
                throw new RankException("[ranks] rank %d cannot reach all others".formatted(rank));
            }
        });
    }

    /**
     * Says goodbye to all ranks and waits for theirs, so that the engine's own end, which cannot be interrupted, does not wait. If one does not come
     * in time, the engine is told to end all processes, but not before the ranks of lower number have come: rank 0 may be saving something.
     */
    @Override
    public synchronized void close() {
        boolean[] gone = new boolean[size];
        gone[rank] = true;
        try {
            closed = true;
            data.cancel();
            background.cancel();
            sums.cancel();
            List<MpiCalls.Request> goodbyes = sendAll(empty.asSlice(0, 0), GOODBYE);
            waitFor(() -> areGone(gone), WATCHFUL_NANOS, LONGEST_NANOS, () -> {
                beat();
                heard.requireLiving(first(gone));
            });
            requireSent(goodbyes);
            takeUnread();
            if (sums.isUnderWay()) {
                mpi.abort(); // An engine does not end while it adds, and cannot give up a sum.
                return;
            }
            // All that was to be sent has come. An engine that does not end ends with the process.
            if (mpi.end(endNanos)) {
                sums.close();
                arena.close();
            }
        } catch (RankException e) {
            mpi.abort();
            throw e;
        }
    }

    /** Nothing may be under way when the engine ends; after a failure there are messages that nobody waits for any more. */
    private void takeUnread() {
        while (mpi.hasCome(FAILURE)) {
            mpi.take(failureBytes, FAILURE);
        }
        while (mpi.hasCome(LIVES)) {
            mpi.take(peerNumber, LIVES);
        }
        for (int tag : new int[] {data.tag(), background.tag(), sums.tag()}) {
            try {
                while (mpi.hasCome(tag)) {
                    mpi.take(unread, tag);
                }
            } catch (RankException e) {
                // Bytes for which the other rank has waited in vain; the engine drops what is left.
            }
        }
    }

    private boolean areGone(boolean[] gone) {
        boolean all = true;
        for (int peer = 0; peer < size; peer++) {
            if (!gone[peer] && mpi.hasCome(peer, GOODBYE)) {
                mpi.take(empty.asSlice(0, 0), peer, GOODBYE);
                gone[peer] = true;
            }
            all &= gone[peer];
        }
        return all;
    }

    private static int first(boolean[] gone) {
        int peer = 0;
        while (peer < gone.length - 1 && gone[peer]) {
            peer++;
        }
        return peer;
    }
}
