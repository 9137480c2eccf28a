package kept.cuda.virtual;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The work queued on each stream. A deferring device runs it only when something waits for it, which is the latest time that hardware may; other
 * devices run it when it is queued. The work of one stream runs in order, and a fault drops the work queued after it.
 */
final class Streams {
    /** Maximum number of queued calls; as in a driver, the next call waits. */
    private static final int MAX_QUEUED = 1024;

    /**
     * A queued call.
     *
     * @param work effect of the call
     * @param always whether it runs even after a fault, as a free does
     */
    private record Call(Runnable work, boolean always) {}

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

    /** Queues a call that runs even after a fault. */
    void addAlways(long stream, Runnable work) {
        add(stream, work, true);
    }

    /** Queues a call behind the latest one. */
    synchronized void addBehind(Runnable work) {
        add(latest, work);
    }

    private synchronized void add(long stream, Runnable work, boolean always) {
        latest = stream;
        Deque<Call> queue = queues.computeIfAbsent(stream, _ -> new ArrayDeque<>());
        queue.add(new Call(work, always));
        if (!defers || queue.size() >= MAX_QUEUED) {
            await(stream);
        }
    }

    /** Runs all queued work of a stream. */
    synchronized void await(long stream) {
        Deque<Call> queue = queues.getOrDefault(stream, new ArrayDeque<>());
        RuntimeException failure = null;
        while (!queue.isEmpty()) {
            Call call = queue.remove();
            if (failure == null || call.always()) {
                try {
                    call.work().run();
                } catch (RuntimeException e) {
                    failure = failure == null ? e : failure;
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Runs the queued work of all streams. */
    synchronized void awaitAll() {
        List<Long> streams = new ArrayList<>(queues.keySet());
        streams.forEach(this::await);
    }
}
