package kept;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import kept.distill.MetricsLog;
import kept.distill.StepMetrics;
import kept.distill.Trainer;

/**
 * A training run with what surrounds it on disk and on the terminal. While it lasts, its state and metrics lie in {@code OUTPUT.training} beside the
 * output; Ctrl-C saves the state there, and a run with {@code --resume} takes it up.
 */
final class TrainingRun implements AutoCloseable {
    private final Program program;
    private final Path directory;
    private final Path state;
    private final Map<String, String> settings;

    /**
     * Finds or makes the run's directory.
     *
     * @param program tells progress
     * @param output what the run will make
     * @param settings what a resumed run must agree on
     * @param resume whether a saved state is to be taken up
     * @param overwrite whether a saved state may be thrown away
     */
    TrainingRun(Program program, Path output, Map<String, String> settings, boolean resume, boolean overwrite) {
        this.program = program;
        this.settings = settings;
        Path target = output.toAbsolutePath().normalize();
        directory = target.resolveSibling(target.getFileName() + ".training");
        state = directory.resolve("state.safetensors");
        if (resume && !Files.exists(state)) {
            throw new ProgramException("[resume] there is no saved state %s; start the run without --resume".formatted(state));
        }
        if (!resume && Files.exists(state)) {
            if (!overwrite) {
                throw new ProgramException("[training] %s holds the state of an unfinished run; %s".formatted(
                        directory, "take it up with --resume, or start over with --overwrite"));
            }
            discard();
        }
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new ProgramException("[training] %s cannot be made: %s".formatted(directory, e.getMessage()), e);
        }
    }

    /**
     * Trains to the end, or until the user interrupts.
     *
     * @param task what the bar is called
     * @param trainer does the steps
     * @param steps how many in all
     * @param saveEvery steps between saved states; 0 saves only when interrupted
     * @return the metrics of all steps, those before a resumption included
     * @throws Interrupted if the user interrupted; the state is saved
     */
    List<StepMetrics> train(String task, Trainer trainer, long steps, long saveEvery) {
        if (Files.exists(state)) {
            trainer.restore(state, settings);
        }
        try (var interruption = new Interruption();
                var log = MetricsLog.open(metrics(), trainer.step())) {
            long tokens = log.steps().isEmpty() ? 0 : log.steps().getLast().tokens();
            try (var progress = new TrainingProgress(task, steps, trainer.step(), tokens, System.err)) {
                while (!trainer.isFinished()) {
                    StepMetrics step = trainer.next();
                    log.add(step);
                    progress.show(step);
                    if (interruption.isWanted()) {
                        trainer.save(state, settings);
                        program.err().println("%nstopped at step %d; the state is in %s; --resume goes on".formatted(step.step(), directory));
                        throw new Interrupted();
                    }
                    if (saveEvery > 0 && step.step() % saveEvery == 0) {
                        trainer.save(state, settings);
                    }
                }
            }
            return log.steps();
        }
    }

    /** The run's metrics as JSON lines. */
    Path metrics() {
        return directory.resolve("metrics.jsonl");
    }

    /** Removes the run's directory: its output is in place. */
    void discard() {
        try {
            Files.deleteIfExists(state);
            Files.deleteIfExists(metrics());
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new ProgramException("[training] %s cannot be removed: %s".formatted(directory, e.getMessage()), e);
        }
    }

    /** Removes the directory if nothing was saved in it. */
    @Override
    public void close() {
        if (!Files.exists(state)) {
            discard();
        }
    }

    /** The user's wish to stop, after the state has been saved. */
    static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }
}
