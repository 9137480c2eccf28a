package kept.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Reading or writing that another thread does meanwhile. */
final class BackgroundIo {
    /** What it does. */
    @FunctionalInterface
    interface Action {
        void run() throws IOException;
    }

    private final CompletableFuture<Void> done;

    private BackgroundIo(CompletableFuture<Void> done) {
        this.done = done;
    }

    /** None, and so done. */
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

    /** Waits for its end; its error is thrown here. */
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
