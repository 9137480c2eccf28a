package kept.run;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C (SIGINT) and SIGTERM into a wish to stop: a run that asks {@link #isWanted} at each step can save its state before the process ends.
 */
public final class Interruption implements Progress.Stop {
    private static final long PATIENCE_SECONDS = 120;
    private static final long NOTICE_MILLIS = 500;

    private static final Set<Interruption> ACTIVE = ConcurrentHashMap.newKeySet();

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Thread hook = new Thread(this::stop, "interruption");
    private volatile boolean wanted;
    private volatile Runnable notice = () -> { };

    /** Delays the end of the process by a signal until this is closed or two minutes have passed. */
    public Interruption() {
        Runtime.getRuntime().addShutdownHook(hook);
        ACTIVE.add(this);
    }

    @Override
    public boolean isWanted() {
        return wanted;
    }

    @Override
    public void onDelay(Runnable told) {
        notice = told;
    }

    /**
     * Whether the process is ending, by a signal or otherwise, which the Java runtime shows only by refusing hooks.
     *
     * @return true if it has
     */
    public static boolean isProcessEnding() {
        var probe = new Thread(() -> {}, "probe");
        try {
            Runtime.getRuntime().addShutdownHook(probe);
            Runtime.getRuntime().removeShutdownHook(probe);
            return false;
        } catch (IllegalStateException e) {
            return true;
        }
    }

    /** Waits, while the process ends, for the runs that save something. */
    static void awaitSaving() {
        ACTIVE.forEach(Interruption::await);
    }

    private void stop() {
        wanted = true;
        try {
            if (!finished.await(NOTICE_MILLIS, TimeUnit.MILLISECONDS)) {
                notice.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        await();
    }

    private void await() {
        try {
            finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets the process end, because the state is saved. */
    @Override
    public void close() {
        finished.countDown();
        ACTIVE.remove(this);
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending; the hook ends by itself.
            return;
        }
    }
}
