package kept.run;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import kept.corpus.TextCoverage;
import kept.distributed.RankException;
import kept.io.FileException;
import kept.io.OutputDirectory;
import kept.io.OwnFiles;
import kept.model.DecoderConfig;
import kept.model.NonFiniteException;
import kept.tensor.Device;
import kept.text.Reasons;
import kept.training.BestState;
import kept.training.HeldOutResult;
import kept.training.MetricsLog;
import kept.training.StepMetrics;
import kept.training.Trainer;
import kept.training.TrainingState;

/**
 * A training run and its files. During the run, its state and metrics are in {@code OUTPUT.training} next to the output; a run that is stopped saves
 * its state there, from which it can be resumed. The state after the last step stays there until the output is in place, so that a failure to
 * evaluate or to write does not waste the training.
 *
 * <p>A state is saved when the step after it has computed finite numbers, so that there is always a state from which the run can resume.
 */
final class TrainingRun implements AutoCloseable {
    private static final String STATE = "state.safetensors";
    private static final long NONE = -1;

    private final Progress progress;
    private final Path target;
    private final Path directory;
    private final Path state;
    private final Path best;
    private final Resume resume;
    /** Null if none is resumed. */
    private final TrainingState saved;
    private Map<String, String> settings = Map.of();
    /** How the run was resumed in another way than its command says, one line each. */
    private String resumptions = "";
    /** The step of the state on disk, if this run has written or read it. */
    private volatile long savedStep = NONE;
    private boolean reported;
    private final SequencedMap<String, TextCoverage> texts = new LinkedHashMap<>();

    /**
     * The trainer of a run, and its evaluation.
     *
     * @param trainer does the steps
     * @param steps the total number of steps
     * @param evaluation evaluates on held-out text at some steps, before the state is saved
     * @param afterStep receives each finished step before the state after it is saved: a run that is killed in between repeats both
     * @param start sets the model's initial values; unused with evaluations, which know them
     */
    record Training(Trainer trainer, long steps, HeldOutEvaluation evaluation, Consumer<StepMetrics> afterStep, Runnable start) {
        private boolean isOver() {
            return trainer.isFinished() || evaluation.isExhausted();
        }
    }

    /**
     * The outcome of a run.
     *
     * @param steps the metrics of all steps, including those before a resumption
     * @param notFinite how the run met NaN or infinity, and what to do, in which case the model has the best state's values; null if it completed
     */
    record Outcome(List<StepMetrics> steps, String notFinite) {
        /** The duration of the steps, as far as it is known. */
        double seconds() {
            return steps.stream().mapToDouble(StepMetrics::seconds).filter(Double::isFinite).sum();
        }

        /** Throws the exception of a run that did not complete. */
        void requireFinite() {
            if (notFinite != null) {
                throw new RunException(notFinite);
            }
        }
    }

    /**
     * Reads the state of an unfinished run completely, or checks that there is none.
     *
     * @param progress receives the progress
     * @param output the output of the run
     * @param resume whether a saved state is resumed
     * @param begun whether there is training to resume, not only an earlier part of the run
     * @param overwrite whether a saved state may be deleted
     */
    TrainingRun(Progress progress, Path output, Resume resume, boolean begun, boolean overwrite) {
        this.progress = progress;
        this.resume = resume;
        target = OutputDirectory.resolve(output);
        directory = directory(target);
        state = directory.resolve(STATE);
        best = directory.resolve("best.safetensors");
        // Before the training, not after it, when the directory is removed.
        OwnFiles.TRAINING.requireNothingElse(directory, "it cannot hold the training state; move that away");
        boolean takesUp = resume.isWanted() && begun;
        if (takesUp && !Files.exists(state)) {
            throw new RunException(Files.exists(target.resolve(DecoderConfig.FILE))
                    ? "[resume] there is no saved state %s, but %s is there: a run that made it has ended".formatted(state, target)
                    : "[resume] there is no saved state %s; start the run without --resume".formatted(state));
        }
        if (!takesUp && Files.exists(state)) {
            if (!overwrite) {
                throw new RunException("[training] %s holds the state of an unfinished run; %s".formatted(
                        directory, "continue with --resume, or start over with --overwrite"));
            }
            discard();
        }
        saved = takesUp ? open() : null;
    }

    private TrainingState open() {
        requireContent(state);
        requireContent(best);
        try {
            TrainingState found = TrainingState.open(state);
            BestState.requireWhole(best, found.bestStep());
            return found;
        } catch (FileException e) {
            throw new RunException("%s; the run cannot resume from it: start over with --overwrite".formatted(e.getMessage()), e);
        }
    }

    /** An empty file is left by a full disk or a crash of the machine; it is not an unfinished download. */
    private static void requireContent(Path file) {
        try {
            if (Files.exists(file) && Files.size(file) == 0) {
                throw new RunException("[resume] %s is empty (0 bytes); the run cannot resume from it: start over with --overwrite"
                        .formatted(file));
            }
        } catch (IOException e) {
            throw new RunException("[resume] %s cannot be read: %s".formatted(file, Reasons.of(e)), e);
        }
    }

    /** Refuses a run for which the disk has no room. */
    void requireRoom(TrainingDisk disk) {
        disk.requireRoom(target.getParent(), target, directory);
    }

    /** Refuses TensorBoard's event files in the output, which then could not be moved into place at the end, and in the directory of the state. */
    void requireApart(TrainingSettings training) {
        Path events = training.eventFolder(target);
        if (events != null && Stream.of(target, directory).anyMatch(OutputDirectory.resolve(events)::startsWith)) {
            throw new RunException("[output] the event files of --tensorboard would lie in %s, where the run writes; name another directory"
                    .formatted(events));
        }
    }

    /** The settings of the run that is resumed, as far as it had gone; empty if none is. */
    Map<String, String> resumed() {
        return saved == null ? Map.of() : saved.savedSettings();
    }

    /** Whether there is a saved state for an output. */
    static boolean isBegun(Path output) {
        return Files.exists(directory(OutputDirectory.resolve(output)).resolve(STATE));
    }

    private static Path directory(Path target) {
        return target.resolveSibling(target.getFileName() + ".training");
    }

    /**
     * Sets the settings and inputs of the run, with which a saved state must agree. May be called again when more are known.
     *
     * @param known the settings and inputs that determine the result, by name
     * @param device the device
     */
    void require(Map<String, String> known, Device device) {
        boolean first = settings.isEmpty();
        // Saved in this order, so that the same run writes the same bytes.
        settings = new LinkedHashMap<>(known);
        if (saved == null) {
            return;
        }
        String changed = saved.requireSame(known);
        if (first) {
            resumptions = saved.resumptions(known, device.backend().arithmetic());
            if (!resume.requireSame(state, saved.arithmetic(), device, progress)) {
                BestState.requireOfStep(best, saved.bestStep());
            }
            if (!changed.isEmpty()) {
                progress.note("resuming with other settings, after NaN or infinity: " + changed);
            }
        }
        if (!resumptions.isEmpty()) {
            settings.put(TrainingState.RESUMPTIONS, resumptions);
        }
    }

    /** How the run was resumed in another way than its command says, so that the command alone gives another result; usually empty. */
    List<String> resumptions() {
        return resumptions.lines().toList();
    }

    /**
     * Trains to the end, or until training no longer helps, numbers are not finite, or the run is stopped.
     *
     * @param task the name of the task
     * @param training the trainer and its evaluation
     * @param schedule determines the steps to save, and the step at which to stop
     * @return the outcome
     * @throws NonFiniteException if a model that is not trained is at fault
     * @throws StoppedException if it was stopped; the state is saved
     * @throws RankException if another rank fails; the state is saved
     */
    Outcome train(String task, Training training, TrainingSettings schedule) {
        makeDirectory();
        Trainer trainer = training.trainer();
        List<StepMetrics> before = List.of();
        if (saved != null) {
            TrainingState.Place place = trainer.restore(state, settings);
            training.evaluation().restore(place.heldOut());
            before = place.metrics();
            savedStep = trainer.step();
        }
        try (var stop = progress.stop();
                var log = MetricsLog.open(metrics(), before, training.evaluation().curve(), progress::note, texts);
                var events = schedule.events(target, before, training.evaluation().curve())) {
            log.copyTo(events);
            stop.onDelay(this::noteStopping);
            try {
                trainOn(task, training, schedule, log, stop);
            } catch (NonFiniteException e) {
                boolean neverFinite = training.evaluation().isEnabled() && training.evaluation().curve().results().isEmpty();
                if (e.isFrozen() || neverFinite) {
                    throw e;
                }
                return new Outcome(log.steps(), goBack(training, log, e));
            } catch (RankException e) {
                // Another rank has failed within a step; the state is still that of the step before, if this rank has all of it.
                if (trainer.hasWholeState()) {
                    save(training, log, null);
                }
                throw e;
            }
            if (isStopped(trainer, schedule, stop)) {
                save(training, log, null);
                // Reported before the stop is closed, because the process may end at any moment after that.
                progress.note("stopped after step %d of %d".formatted(trainer.step(), training.steps()));
                tellHowToResume();
                throw new StoppedException();
            }
            return new Outcome(log.steps(), null);
        }
    }

    private void trainOn(String task, Training training, TrainingSettings schedule, MetricsLog log, Progress.Stop stop) {
        Trainer trainer = training.trainer();
        HeldOutEvaluation evaluation = training.evaluation();
        try (var _ = Work.begin(progress, task, Progress.Unit.STEPS, training.steps(), trainer.step())) {
            if (evaluation.curve().results().isEmpty()) {
                evaluation.after(0, 0).ifPresent(result -> show(result, log));
            }
            while (!training.isOver() && !isStopped(trainer, schedule, stop)) {
                StepMetrics step = trainer.next(() -> {
                    if (schedule.isSavedAfter(trainer.step())) {
                        save(training, log, null);
                    }
                });
                log.add(step);
                progress.step(step);
                training.afterStep().accept(step);
                evaluate(evaluation, step).ifPresent(result -> show(result, log));
                if (training.isOver()) {
                    save(training, log, null);
                }
            }
        }
    }

    private static boolean isStopped(Trainer trainer, TrainingSettings schedule, Progress.Stop stop) {
        return stop.isWanted() || trainer.isStopWanted() || schedule.isStopAfter(trainer.step());
    }

    private static Optional<HeldOutResult> evaluate(HeldOutEvaluation evaluation, StepMetrics step) {
        try {
            return evaluation.after(step.step(), step.tokens());
        } catch (NonFiniteException e) {
            throw e.isFrozen() ? e
                    : new NonFiniteException("[training] after step %d: %s".formatted(
                            step.step(), e.reason()), false);
        }
    }

    /**
     * Saves a state from which the run can resume after values that were not finite: the best so far on held-out text; without evaluations the last
     * saved state, or else the initial state.
     *
     * @return what happened, and what to do
     */
    private String goBack(Training training, MetricsLog log, NonFiniteException failure) {
        Trainer trainer = training.trainer();
        long from = 0;
        if (training.evaluation().isEnabled()) {
            from = training.evaluation().goBack();
            trainer.restart(from);
        } else if (savedStep > 0 && savedStep < trainer.step()) {
            from = trainer.goBack(state, settings);
        } else {
            training.start().run();
            trainer.restart(0);
        }
        savedStep = NONE;
        log.dropAfter(from, training.evaluation().curve());
        save(training, log, failure.getMessage());
        reported = true;
        return "%s; the state %s is in %s: --resume with a smaller --learning-rate continues from it, with the text that comes next".formatted(
                failure.getMessage(), from == 0 ? "at the start" : "after step %d%s".formatted(
                        from, training.evaluation().isEnabled() ? ", the best so far," : ""), directory);
    }

    private void show(HeldOutResult result, MetricsLog log) {
        log.add(result);
        progress.heldOut(result);
    }

    /** Created when training starts, so that a run that ends earlier leaves nothing. */
    private void makeDirectory() {
        try {
            Files.createDirectories(directory);
            deleteTemporaries();
        } catch (IOException e) {
            throw new RunException("[training] %s cannot be made: %s".formatted(directory, Reasons.of(e)), e);
        }
    }

    private void save(Training training, MetricsLog log, String notFinite) {
        Trainer trainer = training.trainer();
        if (trainer.step() != savedStep) {
            trainer.save(state, settings, training.evaluation().curve(), log.steps(), notFinite);
            savedStep = trainer.step();
        }
    }

    /** A launcher ends a rank soon after it has asked it to stop, and the step does not end if another rank has gone. */
    private void noteStopping() {
        long step = savedStep;
        progress.note(step == NONE ? "stopping after this step; no state has been saved before"
                : "stopping after this step; if it cannot end, --resume continues from step %d, whose state is in %s".formatted(step, directory));
    }

    private void tellHowToResume() {
        progress.note("the training state is in %s; the same command with --resume continues from there".formatted(directory));
        reported = true;
    }

    /** Reports the part of a text that was read, here and in the metrics. */
    void reportText(String name, TextCoverage coverage) {
        texts.put(name, coverage);
        progress.note("%s: %s".formatted(name, coverage.description()));
    }

    /** Records for the metrics what was read of a text that has been reported already. */
    void putText(String name, TextCoverage coverage) {
        texts.put(name, coverage);
    }

    /** The part of each text that was read so far, by the text's name. */
    SequencedMap<String, TextCoverage> texts() {
        return texts;
    }

    /** The run's metrics as JSON lines. */
    Path metrics() {
        return directory.resolve("metrics.jsonl");
    }

    /** The file of the best state. */
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
            throw new RunException("[training] %s cannot be removed: %s".formatted(directory, Reasons.of(e)), e);
        }
    }

    /** Removes files that a killed run was writing. */
    private void deleteTemporaries() throws IOException {
        OwnFiles.TRAINING.requireNothingElse(directory, "it cannot hold the training state; move that away");
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
        } else if (savedStep != NONE && !reported) {
            tellHowToResume();
        }
    }
}
