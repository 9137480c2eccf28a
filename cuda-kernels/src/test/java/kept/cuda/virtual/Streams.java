package kept.cuda.virtual;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * The work queued on each stream. A deferring device runs it only when something waits for it, which is the latest time that hardware may; other
 * devices run it when it is queued. The work of one stream runs in order, and a fault drops the work queued after it. A message to another device
 * stays at the head of its queue until that device's stream has come to its own side of the message.
 */
final class Streams {
    /** Maximum number of queued calls; as in a driver, the next call waits. */
    private static final int MAX_QUEUED = 1024;
    /** How long a stream may wait for another device, in milliseconds; a test would otherwise never end. */
    private static final long LONGEST_WAIT = 60_000;

    /**
     * A queued call.
     *
     * @param work effect of the call, and whether it has come to its end
     * @param always whether it runs even after a fault, as a free does
     */
    private record Call(BooleanSupplier work, boolean always) {}

    private final boolean defers;
    private final Map<Long, Deque<Call>> queues = new HashMap<>();
    private long latest;

    Streams(boolean defers) {
        this.defers = defers;
    }

    boolean defers() {
        return defers;
    }

    /** Queues a call. */
    void add(long stream, Runnable work) {
        add(stream, work, false);
    }

    /** Queues a call that is tried until it returns true. */
    void addTried(long stream, BooleanSupplier work) {
        add(stream, new Call(work, false));
    }

    /** Queues a call that runs even after a fault. */
    void addAlways(long stream, Runnable work) {
        add(stream, work, true);
    }

    /** Queues a call behind the latest one. */
    synchronized void addBehind(Runnable work) {
        add(latest, work);
    }

    private void add(long stream, Runnable work, boolean always) {
        add(stream, new Call(() -> {
            work.run();
            return true;
        }, always));
    }

    private synchronized void add(long stream, Call call) {
        latest = stream;
        Deque<Call> queue = queues.computeIfAbsent(stream, _ -> new ArrayDeque<>());
        queue.add(call);
        if (!defers || queue.size() >= MAX_QUEUED) {
            await(stream);
        }
    }

    /** Runs all queued work of a stream. */
    synchronized void await(long stream) {
        for (long waited = 0; !advance(stream); waited++) {
            if (waited > LONGEST_WAIT) {
                throw new KernelFault("a message waits for another device, which does not come to it");
            }
            try {
                wait(1);
            } catch (InterruptedException e) {
                // A driver's waits cannot be interrupted.
                Thread.currentThread().interrupt();
                throw new KernelFault("interrupted while a message waits for another device");
            }
        }
    }

    /** Runs the queued work of a stream up to a message that another device has not come to; returns whether all has run. */
    synchronized boolean advance(long stream) {
        Deque<Call> queue = queues.getOrDefault(stream, new ArrayDeque<>());
        RuntimeException failure = null;
        while (!queue.isEmpty()) {
            Call call = queue.element();
            boolean ends = true;
            if (failure == null || call.always()) {
                try {
                    ends = call.work().getAsBoolean();
                } catch (RuntimeException e) {
                    failure = failure == null ? e : failure;
                }
            }
            if (!ends) {
                return false;
            }
            queue.remove();
        }
        if (failure != null) {
            throw failure;
        }
        return true;
    }

    /** Runs the queued work of all streams. */
    synchronized void awaitAll() {
        List<Long> streams = new ArrayList<>(queues.keySet());
        streams.forEach(this::await);
    }
}
