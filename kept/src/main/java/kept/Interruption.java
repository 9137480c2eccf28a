package kept;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C (SIGINT) and SIGTERM into a wish to stop: a run that asks {@link #isWanted} at each step can save its state before the process ends.
 */
final class Interruption implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 120;

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Thread hook = new Thread(this::stop, "interruption");
    private volatile boolean wanted;

    Interruption() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    boolean isWanted() {
        return wanted;
    }

    private void stop() {
        wanted = true;
        try {
            finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets the process end: all that had to be saved is saved. */
    @Override
    public void close() {
        finished.countDown();
        if (!wanted) {
            Runtime.getRuntime().removeShutdownHook(hook);
        }
    }
}
