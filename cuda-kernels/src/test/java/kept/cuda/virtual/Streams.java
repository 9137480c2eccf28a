package kept.cuda.virtual;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The work queued on each stream. A device that defers does nothing of it before something waits for it, as late as hardware may; any other does it
 * as it is queued. Either way the work of one stream is done in order, and a fault drops what is queued behind it.
 */
final class Streams {
    /** As many calls are queued at most, as by a driver: the next one waits. */
    private static final int MOST_QUEUED = 1024;

    /**
     * A queued call.
     *
     * @param work what it does
     * @param always whether it is done even behind a fault, as giving memory back is
     */
    private record Call(Runnable work, boolean always) {}

    private final boolean defers;
    private final Map<Long, Deque<Call>> queues = new HashMap<>();

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

    /** Queues a call that is done whatever happened before. */
    void addAlways(long stream, Runnable work) {
        add(stream, work, true);
    }

    private synchronized void add(long stream, Runnable work, boolean always) {
        Deque<Call> queue = queues.computeIfAbsent(stream, _ -> new ArrayDeque<>());
        queue.add(new Call(work, always));
        if (!defers || queue.size() >= MOST_QUEUED) {
            await(stream);
        }
    }

    /** Does all work of a stream. */
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

    /** Does the work of all streams. */
    synchronized void awaitAll() {
        List<Long> streams = new ArrayList<>(queues.keySet());
        streams.forEach(this::await);
    }
}
