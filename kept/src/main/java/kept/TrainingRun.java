package kept;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import kept.checkpoint.OutputDirectory;
import kept.checkpoint.OwnFiles;
import kept.distill.HeldOutResult;
import kept.distill.MetricsLog;
import kept.distill.StepMetrics;
import kept.distill.Trainer;

/**
 * A training run with what surrounds it on disk and on the terminal. While it lasts, its state and metrics lie in {@code OUTPUT.training} beside the
 * output; Ctrl-C saves the state there, and a run with {@code --resume} takes it up. The state after the last step stays there until the output is in
 * place, so that a failure to evaluate or to write does not cost the training.
 */
final class TrainingRun implements AutoCloseable {
    private static final String STATE = "state.safetensors";
    private static final long NONE = -1;

    private final Program program;
    private final Path target;
    private final Path directory;
    private final Path state;
    private final Path best;
    private final Map<String, String> settings;
    /** The step of the state on disk, where this run has written or read it. */
    private long savedStep = NONE;
    private boolean told;

    /**
     * Finds the state of an unfinished run, or makes sure that there is none.
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
        target = OutputDirectory.place(output);
        directory = directory(target);
        state = directory.resolve(STATE);
        best = directory.resolve("best.safetensors");
        // Before the training, not after it, when the directory is removed.
        OwnFiles.TRAINING.requireNothingElse(directory, "it is no place for the training's state; move that away");
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
    }

    /** Refuses a run that would find the disk full. */
    void requireRoom(TrainingDisk disk) {
        disk.requireRoom(target.getParent(), target, directory);
    }

    /** Whether there is a saved state for an output. */
    static boolean isBegun(Path output) {
        return Files.exists(directory(OutputDirectory.place(output)).resolve(STATE));
    }

    private static Path directory(Path target) {
        return target.resolveSibling(target.getFileName() + ".training");
    }

    /**
     * Trains to the end, or until the user interrupts.
     *
     * @param task what the bar is called
     * @param trainer does the steps
     * @param steps how many in all
     * @param options which steps are saved, and which is the last for now
     * @return the metrics of all steps, those before a resumption included
     * @throws Interruption.Stopped if the user interrupted; the state is saved
     */
    List<StepMetrics> train(String task, Trainer trainer, long steps, OptimizerOptions options) {
        return train(task, trainer, steps, options, _ -> { });
    }

    /**
     * {@link #train(String, Trainer, long, OptimizerOptions)} with something to do after each step.
     *
     * @param afterStep is told each step that was done, before the state after it is saved: a run that is killed in between does both once more
     */
    List<StepMetrics> train(String task, Trainer trainer, long steps, OptimizerOptions options, Consumer<StepMetrics> afterStep) {
        return train(task, trainer, steps, options, Judging.NONE, afterStep);
    }

    /**
     * {@link #train(String, Trainer, long, OptimizerOptions)}, or until training helps no more.
     *
     * @param judging looks at held-out text now and then, before the state is saved
     */
    List<StepMetrics> train(String task, Trainer trainer, long steps, OptimizerOptions options, Judging judging) {
        return train(task, trainer, steps, options, judging, _ -> { });
    }

    private List<StepMetrics> train(
            String task, Trainer trainer, long steps, OptimizerOptions options, Judging judging, Consumer<StepMetrics> afterStep) {
        makeDirectory();
        if (Files.exists(state)) {
            judging.restore(trainer.restore(state, settings));
            savedStep = trainer.step();
        }
        try (var interruption = new Interruption();
                var log = MetricsLog.open(metrics(), trainer.step(), judging.curve())) {
            long tokens = log.steps().isEmpty() ? 0 : log.steps().getLast().tokens();
            try (var progress = new TrainingProgress(task, steps, trainer.step(), tokens, System.err)) {
                if (judging.curve().results().isEmpty()) {
                    judging.after(0, 0).ifPresent(result -> show(result, log, progress));
                }
                while (!isOver(trainer, judging) && !interruption.isWanted() && !options.isStopAfter(trainer.step())) {
                    StepMetrics step = trainer.next();
                    log.add(step);
                    progress.show(step);
                    afterStep.accept(step);
                    judging.after(step.step(), step.tokens()).ifPresent(result -> show(result, log, progress));
                    if (isOver(trainer, judging) || options.isSavedAfter(step.step())) {
                        save(trainer, judging);
                    }
                }
            }
            if (interruption.isWanted() || options.isStopAfter(trainer.step())) {
                save(trainer, judging);
                // Told before the interruption is closed: then the process may end at any moment.
                program.err().println("stopped after step %d of %d".formatted(trainer.step(), steps));
                tellHowToResume();
                throw new Interruption.Stopped();
            }
            return log.steps();
        }
    }

    private static boolean isOver(Trainer trainer, Judging judging) {
        return trainer.isFinished() || judging.isExhausted();
    }

    private static void show(HeldOutResult result, MetricsLog log, TrainingProgress progress) {
        log.add(result);
        progress.show(result);
    }

    /** Not before the training: what ends earlier shall leave nothing. */
    private void makeDirectory() {
        try {
            Files.createDirectories(directory);
            deleteTemporaries();
        } catch (IOException e) {
            throw new ProgramException("[training] %s cannot be made: %s".formatted(directory, e.getMessage()), e);
        }
    }

    private void save(Trainer trainer, Judging judging) {
        if (trainer.step() != savedStep) {
            trainer.save(state, settings, judging.curve());
            savedStep = trainer.step();
        }
    }

    private void tellHowToResume() {
        program.err().println("the training's state is in %s; the same command with --resume goes on from there".formatted(directory));
        program.err().flush();
        told = true;
    }

    /** The run's metrics as JSON lines. */
    Path metrics() {
        return directory.resolve("metrics.jsonl");
    }

    /** Where the best state is kept meanwhile. */
    Path best() {
        return best;
    }

    /** Removes the run's directory: its output is in place. */
    void discard() {
        try {
            if (Files.exists(directory)) {
                OutputDirectory.discard(directory, target, OwnFiles.TRAINING);
            }
        } catch (IOException e) {
            throw new ProgramException("[training] %s cannot be removed: %s".formatted(directory, e.getMessage()), e);
        }
    }

    /** What a killed run was just writing. */
    private void deleteTemporaries() throws IOException {
        OwnFiles.TRAINING.requireNothingElse(directory, "it is no place for the training's state; move that away");
        try (DirectoryStream<Path> temporaries = Files.newDirectoryStream(directory, ".*.tmp")) {
            for (Path temporary : temporaries) {
                Files.delete(temporary);
            }
        }
    }

    /** Removes the directory if nothing was saved in it. */
    @Override
    public void close() {
        if (!Files.exists(state)) {
            discard();
        } else if (savedStep != NONE && !told) {
            tellHowToResume();
        }
    }
}
