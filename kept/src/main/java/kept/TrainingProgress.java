package kept;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import kept.report.Figures;
import kept.training.HeldOutResult;
import kept.training.StepMetrics;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows a training run: on a terminal a bar with loss, divergence, tokens per second and time left; elsewhere, such as in a log file, a line every
 * ten seconds.
 */
final class TrainingProgress implements AutoCloseable {
    /** The weight of the newest step in the running speed. */
    private static final double SMOOTHING = 0.1;

    private static final long NANOS_BETWEEN_LINES = 10_000_000_000L;

    private final String task;
    private final PrintStream target;
    private final long steps;
    /** Null where there is no terminal. */
    private final ProgressBar bar;

    private String heldOut = "";
    private double tokensPerSecond;
    private long tokens;
    private long lastLine = System.nanoTime();

    TrainingProgress(String task, long steps, long stepsDone, long tokensDone, PrintStream target) {
        this.task = task;
        this.target = target;
        this.steps = steps;
        tokens = tokensDone;
        bar = System.console() == null || !System.console().isTerminal() ? null : new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(steps)
                .startsFrom(stepsDone, Duration.ZERO)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(new ConsoleProgressBarConsumer(target))
                .build();
    }

    /** Says what was found on held-out text. */
    void show(HeldOutResult result) {
        heldOut = "held-out KL %s ".formatted(Figures.divergence(result.klMean()));
        if (bar == null) {
            target.println(String.format(Locale.ROOT, "%s step %d of %d %s", task, result.step(), steps, heldOut.strip()));
        }
    }

    void show(StepMetrics step) {
        double speed = (step.tokens() - tokens) / step.seconds();
        tokens = step.tokens();
        tokensPerSecond = tokensPerSecond == 0 ? speed : (1 - SMOOTHING) * tokensPerSecond + SMOOTHING * speed;
        String divergence = Double.isNaN(step.divergence()) ? "" : String.format(Locale.ROOT, "KL %.4f ", step.divergence());
        String message = String.format(
                Locale.ROOT, "loss %.4f %s%s%.0f tokens/s", step.loss(), divergence, bar == null ? "" : heldOut, tokensPerSecond);
        if (bar != null) {
            bar.setExtraMessage(" " + message);
            bar.stepTo(step.step());
        } else if (step.step() == step.steps() || System.nanoTime() - lastLine > NANOS_BETWEEN_LINES) {
            lastLine = System.nanoTime();
            double left = (step.steps() - step.step()) * step.seconds();
            target.println(String.format(Locale.ROOT, "%s step %d of %d %s, %.0f s left", task, step.step(), step.steps(), message, left));
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
