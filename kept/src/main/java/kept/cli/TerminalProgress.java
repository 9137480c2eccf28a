package kept.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import kept.evaluation.Task;
import kept.report.Figures;
import kept.run.Interruption;
import kept.run.Progress;
import kept.training.HeldOutResult;
import kept.training.StepMetrics;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a program is: on a terminal as a bar with the time left; elsewhere, such as in a log file, as a line every ten seconds. Ctrl-C stops
 * what can be stopped.
 */
public final class TerminalProgress implements Progress {
    /** The weight of the newest step in the running speed. */
    private static final double SMOOTHING = 0.1;
    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;
    private static final long MEGABYTE = 1_000_000;

    private final PrintWriter target;
    private final boolean verbose;
    /** The line that is shown; null between tasks. */
    private Shown shown;

    /**
     * Nothing is shown yet.
     *
     * @param target where lines go
     * @param verbose whether details are shown too
     */
    TerminalProgress(PrintWriter target, boolean verbose) {
        this.target = target;
        this.verbose = verbose;
    }

    /** A task that is shown until it is closed. */
    public final class Shown implements AutoCloseable {
        private final Task task;
        /** Null where there is no terminal. */
        private final ProgressBar bar;
        private final long start = System.nanoTime();
        private long lastLine = start;
        private String heldOut = "";
        private double tokensPerSecond;

        private Shown(Task task) {
            this.task = task;
            bar = System.console() == null || !System.console().isTerminal() ? null : bar(task);
        }

        /** The amount done so far. */
        public void done(long amount) {
            if (bar != null) {
                bar.stepTo(amount);
            } else if (amount > task.before() && isTimeForALine()) {
                target.println(line(task, amount, (System.nanoTime() - start) * 1e-9));
            }
        }

        private boolean isTimeForALine() {
            boolean due = System.nanoTime() - lastLine > NANOS_BETWEEN_LINES;
            if (due) {
                lastLine = System.nanoTime();
            }
            return due;
        }

        private void step(StepMetrics step) {
            double speed = (double) step.tokens() / step.step() / step.seconds();
            tokensPerSecond = tokensPerSecond == 0 ? speed : (1 - SMOOTHING) * tokensPerSecond + SMOOTHING * speed;
            String divergence = Double.isNaN(step.divergence()) ? "" : String.format(Locale.ROOT, "KL %.4f ", step.divergence());
            String message = String.format(
                    Locale.ROOT, "loss %.4f %s%s%.0f tokens/s", step.loss(), divergence, bar == null ? "" : heldOut, tokensPerSecond);
            if (bar != null) {
                bar.setExtraMessage(" " + message);
                bar.stepTo(step.step());
            } else if (isTimeForALine() || step.step() == step.steps()) {
                double left = (step.steps() - step.step()) * step.seconds();
                target.println(String.format(Locale.ROOT, "%s step %d of %d %s, %.0f s left", task.name(), step.step(), step.steps(), message, left));
            }
        }

        private void heldOut(HeldOutResult result) {
            heldOut = "held-out KL %s ".formatted(Figures.divergence(result.klMean()));
            if (bar == null) {
                target.println(String.format(Locale.ROOT, "%s step %d of %d %s", task.name(), result.step(), task.total(), heldOut.strip()));
            }
        }

        @Override
        public void close() {
            if (bar != null) {
                bar.close();
            }
            shown = null;
        }
    }

    private static ProgressBar bar(Task task) {
        var bar = new ProgressBarBuilder().setTaskName(task.name()).setInitialMax(task.total()).setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500).setConsumer(new ConsoleProgressBarConsumer(System.err));
        if (task.before() > 0) {
            bar.startsFrom(task.before(), Duration.ZERO);
        }
        return (task.unit() == Unit.BYTES ? bar.setUnit(" MB", MEGABYTE).showSpeed() : bar).build();
    }

    /** The line about a task after some seconds. */
    static String line(Task task, long done, double seconds) {
        if (task.unit() == Unit.BYTES) {
            double speed = (done - task.before()) / seconds;
            return String.format(Locale.ROOT, "%s: %.1f of %.1f GB, %.2f GB/s, %.0f s left", task.name(), done * 1e-9, task.total() * 1e-9,
                    speed * 1e-9, (task.total() - done) / speed);
        }
        return "%s: %,d of %,d, %.0f s left".formatted(task.name(), done, task.total(), seconds / done * (task.total() - done));
    }

    /**
     * Shows a task of the program's own.
     *
     * @param name its name
     * @param unit the unit of its length
     * @param total how much there is to do
     * @return receives the progress; the caller closes it
     */
    public Shown show(String name, Unit unit, long total) {
        begin(new Task(name, unit, total, 0));
        return shown;
    }

    @Override
    public void note(String line) {
        target.println(line);
        target.flush();
    }

    @Override
    public void detail(String line) {
        if (verbose) {
            note(line);
        }
    }

    @Override
    public void begin(Task task) {
        shown = new Shown(task);
    }

    @Override
    public void done(long amount) {
        shown.done(amount);
    }

    @Override
    public void step(StepMetrics step) {
        shown.step(step);
    }

    @Override
    public void heldOut(HeldOutResult result) {
        shown.heldOut(result);
    }

    @Override
    public void end() {
        shown.close();
    }

    @Override
    public Stop stop() {
        return new Interruption();
    }
}
