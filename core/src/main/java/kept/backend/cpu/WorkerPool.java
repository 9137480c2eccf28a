package kept.backend.cpu;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;

/**
 * Threads that share the tasks of one kernel at a time: the caller and {@code threads - 1} daemons.
 *
 * <p>Free threads claim tasks one after another. So a kernel must divide its sums by shape alone (see {@link #forRanges}), and no two tasks may write
 * the same memory; then its result does not depend on the number of threads. An operation of a small model takes tens of microseconds, so workers
 * spin for a short time after a kernel before they park.
 *
 * <p>A kernel that starts another kernel from inside a task runs it serially in that task. Kernels of several threads run one after another. An
 * exception in a task ends the kernel and is thrown to its caller (one of them, if several tasks fail); tasks not yet claimed are dropped.
 * Interrupting a caller does not end a kernel early: the thread stays interrupted, and the kernel completes.
 */
final class WorkerPool implements AutoCloseable {
    /** About 50 microseconds of spinning: longer than the pause between two kernels of a graph, shorter than a scheduler's time slice. */
    private static final int SPINS = 2_000;

    private static volatile WorkerPool shared = new WorkerPool(CpuSettings.threads());

    private final Worker[] workers;
    private final ReentrantLock submission = new ReentrantLock();
    private volatile Job current;
    private volatile boolean closed;

    /** A range of rows or elements, from first (inclusive) to end (exclusive). */
    @FunctionalInterface
    interface RangeBody {
        /**
         * Does the work of a range.
         *
         * @param first the first index
         * @param end the index after the last
         */
        void accept(long first, long end);
    }

    /**
     * Starts the workers.
     *
     * @param threads the number of threads that work on a kernel, its caller included
     * @throws IllegalArgumentException if there is not one
     */
    WorkerPool(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("[worker pool] needs at least one thread, not " + threads);
        }
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker("kept-worker-" + (i + 1));
        }
        for (Worker worker : workers) {
            worker.start();
        }
    }

    /**
     * The pool that kernels run on.
     *
     * @return the pool, by default with a thread per physical core or as many as {@value CpuSettings#THREADS} says
     */
    static WorkerPool shared() {
        return shared;
    }

    /**
     * Replaces the pool that kernels run on; the old one ends when its kernels have.
     *
     * @param threads the number of threads from now on
     */
    static void shareThreads(int threads) {
        WorkerPool old = shared;
        if (old.threads() != threads) {
            shared = new WorkerPool(threads);
            old.close();
        }
    }

    /**
     * The threads that work on a kernel.
     *
     * @return their number, the caller included
     */
    int threads() {
        return workers.length + 1;
    }

    /**
     * Runs {@code body(0) ... body(tasks - 1)}, in any order and by any thread, and returns when all are done.
     *
     * @param tasks the number of tasks
     * @param body the work of a task, by its index
     */
    void run(int tasks, IntConsumer body) {
        if (tasks <= 1 || workers.length == 0 || Thread.currentThread() instanceof Worker || submission.isHeldByCurrentThread()) {
            for (int task = 0; task < tasks; task++) {
                body.accept(task);
            }
            return;
        }
        submission.lock();
        try {
            Job job = new Job(tasks, body);
            current = job;
            for (int i = 0; i < workers.length && i < tasks - 1; i++) {
                workers[i].wake();
            }
            job.work();
            job.await();
            current = null;
            job.rethrow();
        } finally {
            submission.unlock();
        }
    }

    /**
     * Divides {@code [0, count)} into ranges of {@code grain} (the last may be shorter) and runs them as tasks. The ranges depend on count and
     * grain only.
     *
     * @param count the number of rows or elements
     * @param grain the size of a range, at least 1; larger ranges are used if there would be more than 2^20
     * @param body the work on a range
     */
    void forRanges(long count, long grain, RangeBody body) {
        long size = Math.max(Math.max(1, grain), Math.ceilDiv(count, 1L << 20));
        run((int) Math.ceilDiv(count, size), task -> body.accept(task * size, Math.min(count, (task + 1) * size)));
    }

    /** Ends the workers. Kernels submitted later run in their callers. */
    @Override
    public void close() {
        closed = true;
        for (Worker worker : workers) {
            LockSupport.unpark(worker);
        }
    }

    /** One kernel: its tasks, and the numbers of claimed and completed ones. */
    private static final class Job {
        private final int tasks;
        private final IntConsumer body;
        private final Thread caller = Thread.currentThread();
        private final AtomicInteger claimed = new AtomicInteger();
        private final AtomicInteger done = new AtomicInteger();
        private volatile Throwable failure;

        Job(int tasks, IntConsumer body) {
            this.tasks = tasks;
            this.body = Objects.requireNonNull(body);
        }

        boolean hasWork() {
            return claimed.get() < tasks;
        }

        void work() {
            for (int task = claimed.getAndIncrement(); task < tasks; task = claimed.getAndIncrement()) {
                if (failure == null) {
                    try {
                        body.accept(task);
                    } catch (RuntimeException | Error e) {
                        failure = e;
                    }
                }
                if (done.incrementAndGet() == tasks && Thread.currentThread() != caller) {
                    LockSupport.unpark(caller);
                }
            }
        }

        void await() {
            for (int spins = 0; done.get() < tasks; spins++) {
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.park(this);
                }
            }
        }

        void rethrow() {
            switch (failure) {
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case null, default -> { }
            }
        }
    }

    /** A daemon thread that works on the current job. */
    private final class Worker extends Thread {
        private volatile boolean parked;

        Worker(String name) {
            super(name);
            setDaemon(true);
        }

        /** Wakes the worker if it sleeps. A worker that is about to sleep sees the new job, which is published before. */
        void wake() {
            if (parked) {
                LockSupport.unpark(this);
            }
        }

        @Override
        public void run() {
            int idle = 0;
            while (!closed) {
                Job job = current;
                if (job != null && job.hasWork()) {
                    job.work();
                    idle = 0;
                } else if (idle++ < SPINS) {
                    onSpinWait();
                } else {
                    parked = true;
                    Job late = current;
                    if ((late == null || !late.hasWork()) && !closed) {
                        LockSupport.park(WorkerPool.this);
                    }
                    parked = false;
                    idle = 0;
                }
            }
        }
    }
}
