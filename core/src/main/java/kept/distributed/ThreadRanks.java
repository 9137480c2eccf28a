package kept.distributed;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import kept.tensor.TensorException;

/**
 * Ranks that are threads of this process, without any engine: for tests of code that runs on ranks, and for several devices in one process. The
 * threads share the worker threads of the CPU.
 */
public final class ThreadRanks {
    private ThreadRanks() {}

    /**
     * What one rank does.
     *
     * @param <T> the type of its result
     */
    @FunctionalInterface
    public interface Task<T> {
        /**
         * Does the rank's work.
         *
         * @param communicator this rank's, closed afterwards
         * @return the rank's result
         * @throws Exception if the rank fails; the others are told
         */
        T run(Communicator communicator) throws Exception;
    }

    /**
     * Runs a task on each rank and waits for all.
     *
     * @param <T> the type of the results
     * @param ranks the number of ranks, 1 or more
     * @param task what each rank does
     * @return the results in rank order
     * @throws RankException if a rank fails, with its error as the cause
     */
    public static <T> List<T> run(int ranks, Task<T> task) {
        return run(ranks, RankTimeout.nanoseconds(), HostCommunicator.MESSAGE_BYTES, task);
    }

    static <T> List<T> run(int ranks, long timeoutNanos, long messageBytes, Task<T> task) {
        if (ranks < 1) {
            throw new TensorException("[ranks] %d ranks cannot work; there must be 1 or more".formatted(ranks));
        }
        var mailboxes = new Mailboxes(ranks, timeoutNanos);
        List<FutureTask<T>> work = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            var communicator = new HostCommunicator(new ThreadTransport(mailboxes, rank), messageBytes);
            var todo = new FutureTask<>(() -> runRank(communicator, task));
            work.add(todo);
            Thread.ofPlatform().name("rank " + rank).daemon().start(todo);
        }
        return results(work, mailboxes);
    }

    private static <T> T runRank(Communicator communicator, Task<T> task) throws Exception {
        try {
            return task.run(communicator);
        } catch (Exception | Error e) {
            communicator.fail(String.valueOf(e.getMessage()));
            throw e;
        } finally {
            communicator.close();
        }
    }

    /** Waits for all ranks; the error of the rank that failed first is reported, not those of the ranks that it took along. */
    private static <T> List<T> results(List<FutureTask<T>> work, Mailboxes mailboxes) {
        List<T> results = new ArrayList<>();
        Throwable[] errors = new Throwable[work.size()];
        int failed = -1;
        for (int rank = 0; rank < work.size(); rank++) {
            try {
                results.add(work.get(rank).get());
            } catch (ExecutionException e) {
                errors[rank] = e.getCause();
                failed = rank;
            } catch (InterruptedException e) {
                mailboxes.fail(-1, "the program is interrupted");
                Thread.currentThread().interrupt();
                throw new RankException("[ranks] interrupted while ranks work", e);
            }
        }
        if (failed >= 0) {
            int first = mailboxes.failedRank() >= 0 ? mailboxes.failedRank() : failed;
            throw new RankException("[rank %d] %s".formatted(first, errors[first].getMessage()), errors[first]);
        }
        return results;
    }
}
