package kept;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import kept.distill.StepMetrics;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows a training run: a bar with loss, divergence, tokens per second and time left. */
final class TrainingProgress implements AutoCloseable {
    /** The weight of the newest step in the running speed. */
    private static final double SMOOTHING = 0.1;

    private final ProgressBar bar;
    private double tokensPerSecond;
    private long tokens;

    TrainingProgress(String task, long steps, long stepsDone, long tokensDone, PrintStream target) {
        tokens = tokensDone;
        bar = new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(steps)
                .startsFrom(stepsDone, Duration.ZERO)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(new ConsoleProgressBarConsumer(target))
                .build();
    }

    void show(StepMetrics step) {
        double speed = (step.tokens() - tokens) / step.seconds();
        tokens = step.tokens();
        tokensPerSecond = tokensPerSecond == 0 ? speed : (1 - SMOOTHING) * tokensPerSecond + SMOOTHING * speed;
        String divergence = Double.isNaN(step.divergence()) ? "" : String.format(Locale.ROOT, "KL %.4f  ", step.divergence());
        bar.setExtraMessage(String.format(Locale.ROOT, " loss %.4f  %s%.0f tokens/s", step.loss(), divergence, tokensPerSecond));
        bar.stepTo(step.step());
    }

    @Override
    public void close() {
        bar.close();
    }
}
