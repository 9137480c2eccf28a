package kept.distributed;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import kept.tensor.Device;
import kept.tensor.Scope;

/** Calls of a communicator that a thread makes one after another, while another thread computes. */
final class BackgroundCalls implements AutoCloseable {
    private final HostCommunicator ranks;
    private ExecutorService executor;
    private volatile Thread thread;

    /**
     * No calls yet, and no thread.
     *
     * @param ranks makes the calls; used by nobody else
     */
    BackgroundCalls(HostCommunicator ranks) {
        this.ranks = ranks;
    }

    HostCommunicator ranks() {
        return ranks;
    }

    /** As {@link Communicator#begin}. */
    Communicator.Pending begin(Device device, Consumer<Communicator> calls) {
        if (executor == null) {
            executor = Executors.newSingleThreadExecutor(work -> {
                thread = Thread.ofPlatform().name("kept-exchange").daemon().unstarted(work);
                return thread;
            });
        }
        var ended = new CompletableFuture<Void>();
        executor.execute(() -> {
            try (var _ = Scope.open(device)) {
                calls.accept(ranks);
                ended.complete(null);
            } catch (RuntimeException | Error e) {
                ended.completeExceptionally(e);
            }
        });
        return () -> await(ended);
    }

    /** Waits until the calls have ended, even if interrupted, since they use their tensors until then; told to end, they do so soon. */
    private void await(CompletableFuture<Void> ended) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    ended.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                    thread.interrupt();
                } catch (ExecutionException e) {
                    throw failure(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static RuntimeException failure(Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        // A new exception, whose stack trace names the thread that waits.
        return cause instanceof RankException e ? new RankException(e.getMessage(), e) : (RuntimeException) cause;
    }

    /** Ends the thread; calls that have not ended fail. */
    @Override
    public void close() {
        ranks.close();
        if (executor != null) {
            List<Runnable> waiting = executor.shutdownNow();
            executor.close();
            waiting.forEach(Runnable::run); // Each fails, since the communicator is closed.
        }
    }
}
