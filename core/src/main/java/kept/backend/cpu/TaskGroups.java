package kept.backend.cpu;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Groups of tasks in one kernel, where a task can wait for an earlier group. Threads claim the tasks of group 0 first, then those of group 1, and so
 * on, without a barrier in between: a thread that finds no task left in a group goes on with the next while others complete theirs.
 *
 * <p>No order of threads can block it: when a thread waits, all tasks of earlier groups have been claimed by threads that run. If a task fails,
 * waiting ends and the failure is thrown to the caller.
 */
final class TaskGroups {
    /** About as long as a worker of {@link WorkerPool} spins; then a thread that waits gives its processor to others. */
    private static final int SPINS = 2_000;

    /** The index of each group's first task among all tasks, and the number of tasks after the last group. */
    private final int[] starts;
    /** For each group the number of completed tasks. */
    private final AtomicIntegerArray done;
    private volatile boolean failed;

    /** The work of a task. */
    @FunctionalInterface
    interface Body {
        /**
         * Does it.
         *
         * @param group the task's group
         * @param task its index in the group
         */
        void accept(int group, int task);
    }

    /**
     * The groups.
     *
     * @param sizes the number of tasks of each; a group may be empty
     */
    TaskGroups(int... sizes) {
        starts = new int[sizes.length + 1];
        for (int i = 0; i < sizes.length; i++) {
            starts[i + 1] = Math.addExact(starts[i], sizes[i]);
        }
        done = new AtomicIntegerArray(sizes.length);
    }

    /**
     * Runs all tasks and returns when all are done. To be called once.
     *
     * @param parallel whether threads of the shared pool divide them; else the caller runs them in order
     * @param body the work
     */
    void run(boolean parallel, Body body) {
        int tasks = starts[starts.length - 1];
        if (parallel) {
            WorkerPool.shared().run(tasks, task -> run(task, body));
        } else {
            for (int task = 0; task < tasks; task++) {
                run(task, body);
            }
        }
    }

    private void run(int task, Body body) {
        int group = Arrays.binarySearch(starts, task);
        if (group < 0) {
            group = -group - 2;
        }
        while (starts[group + 1] == task) {
            group++;
        }
        try {
            body.accept(group, task - starts[group]);
            done.incrementAndGet(group);
        } catch (RuntimeException | Error e) {
            failed = true;
            throw e;
        }
    }

    /**
     * Waits until a group is complete; called in tasks of later groups.
     *
     * @param group which group
     * @return whether it is; false after a failure, where the task returns at once
     */
    boolean await(int group) {
        int tasks = starts[group + 1] - starts[group];
        for (int spins = 0; done.get(group) < tasks; spins++) {
            if (failed) {
                return false;
            }
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        return true;
    }
}
