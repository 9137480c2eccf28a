package kept;

import java.io.PrintWriter;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows how much of some work is done: on a terminal a bar with the time left; elsewhere, such as in a log file, a line every ten seconds. */
final class CountedProgress implements AutoCloseable {
    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

    private final String task;
    private final long total;
    private final PrintWriter target;
    /** Null where there is no terminal. */
    private final ProgressBar bar;

    private final long start = System.nanoTime();
    private long lastLine = start;

    CountedProgress(String task, long total, PrintWriter target) {
        this.task = task;
        this.total = total;
        this.target = target;
        bar = System.console() == null || !System.console().isTerminal() ? null : new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(total)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                .build();
    }

    void show(long done) {
        long now = System.nanoTime();
        if (bar != null) {
            bar.stepTo(done);
        } else if (done > 0 && now - lastLine > NANOS_BETWEEN_LINES) {
            lastLine = now;
            target.println("%s: %,d of %,d, %.0f s left".formatted(task, done, total, (now - start) * 1e-9 / done * (total - done)));
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
