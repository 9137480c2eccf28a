package kept.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** A read or write that runs in another thread. */
final class BackgroundIo {
    /** The operation to run. */
    @FunctionalInterface
    interface Action {
        void run() throws IOException;
    }

    private final CompletableFuture<Void> done;

    private BackgroundIo(CompletableFuture<Void> done) {
        this.done = done;
    }

    /** Returns an operation that is already complete. */
    static BackgroundIo none() {
        return new BackgroundIo(CompletableFuture.completedFuture(null));
    }

    static BackgroundIo start(Action action) {
        return new BackgroundIo(CompletableFuture.runAsync(() -> {
            try {
                action.run();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }));
    }

    boolean isDone() {
        return done.isDone();
    }

    /** Waits until the operation is complete and throws its error, if any. */
    void await() throws IOException {
        try {
            done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException failed) {
                throw failed.getCause();
            }
            throw e;
        }
    }
}
