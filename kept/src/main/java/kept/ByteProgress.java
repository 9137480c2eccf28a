package kept;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how many bytes of some work are done, how many a second, and the time left: on a terminal as a bar; elsewhere, such as in a log file, as a
 * line every ten seconds.
 */
final class ByteProgress implements AutoCloseable {
    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;
    private static final long MEGABYTE = 1_000_000;

    private final String task;
    private final long total;
    /** What was done before, and says nothing of the speed. */
    private final long before;
    private final PrintWriter target;
    /** Null where there is no terminal. */
    private final ProgressBar bar;

    private final long start = System.nanoTime();
    private long lastLine = start;
    private long done;

    ByteProgress(String task, long total, long before, PrintWriter target) {
        this.task = task;
        this.total = total;
        this.before = before;
        this.target = target;
        bar = System.console() == null || !System.console().isTerminal() ? null : new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(total)
                .startsFrom(before, Duration.ZERO)
                .setUnit(" MB", MEGABYTE)
                .showSpeed()
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                .build();
    }

    void add(long bytes) {
        done += bytes;
        long now = System.nanoTime();
        if (bar != null) {
            bar.stepTo(done);
        } else if (done > before && now - lastLine > NANOS_BETWEEN_LINES) {
            lastLine = now;
            target.println(line((now - start) * 1e-9));
        }
    }

    /** What is told after some seconds. */
    String line(double seconds) {
        double speed = (done - before) / seconds;
        return String.format(Locale.ROOT, "%s: %.1f of %.1f GB, %.2f GB/s, %.0f s left", task, done * 1e-9, total * 1e-9, speed * 1e-9,
                (total - done) / speed);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
