package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import kept.checkpoint.Checkpoint;
import kept.io.OutputDirectory;
import kept.mapping.GivenStudent;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.Weights;
import kept.report.ReportWriter;
import kept.report.RunReport;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;
import kept.training.BestState;
import kept.training.ParameterSelection;
import kept.training.RunInputs;
import kept.training.Sharding;
import kept.training.StepPlan;
import kept.training.StoredRounding;
import kept.training.Trainer;
import kept.training.TrainingObjective;
import kept.training.TrainingOptions;
import kept.training.TrainingRanks;
import kept.training.TrainingState;

/** The process of one distillation, in rank 0: map, evaluate, train, evaluate, write. */
final class DistillationProcess {
    private static final String MAPPED = "mapped";
    private static final String GIVEN = "given";
    private static final String DISTILLED = "distilled";

    private final DistillationTask task;
    private final DistillationRun settings;
    private final Progress progress;
    private final Measurement measurement;
    private final Mapping mapping;
    private TrainingOptions options;
    /** The steps for which the text is read: those of the run's start, which a resumed run may raise. */
    private long textSteps;
    private DistillationProvenance provenance;
    private final DType stored;
    private final ParameterSelection trained;
    private Sharding sharding;

    DistillationProcess(DistillationTask task, Progress progress) {
        this.task = task;
        this.progress = progress;
        settings = task.settings();
        mapping = task.mapping();
        options = task.options();
        textSteps = options.steps();
        stored = task.stored();
        trained = task.trained();
        measurement = new Measurement(settings.mapping(), mapping, Measurement.directoryOf(settings.output()), settings.resume(), progress,
                settings.ranks());
    }

    DistillationRun.Result run() {
        measurement.requireNothingBegun(settings.isOverwriting());
        requireUnfinished();
        Optional<RecordingUse> recorded = RecordingUse.of(task);
        Device device = settings.device();
        MachineMemory memory = MachineMemory.of(device, settings.ranks().localSize());
        sharding = task.sharding(memory);
        task.plan(new StepPlan.Shares(settings.ranks().size(), sharding)).requireRoom(memory, progress);
        TrainingRanks.agree(settings.ranks(), sharding);
        if (sharding != Sharding.NONE) {
            progress.note("--shard %s: %s".formatted(sharding, sharding == Sharding.ALL
                    ? "parameters, gradients and moments lie divided over the ranks" : "gradients and moments lie divided over the ranks"));
        }
        try (var checkpoint = Checkpoint.open(settings.teacher());
                Tokenizer tokenizer = Tokenizer.load(settings.teacher());
                GivenCheckpoint given = GivenCheckpoint.open(settings.mapping(), mapping, tokenizer, progress);
                var directory = OutputDirectory.prepare(
                        settings.output(), settings.isOverwriting() || settings.resume().isWanted(), settings.inputs());
                var run = new TrainingRun(progress, settings.output(), settings.resume(), hasTraining(), settings.isOverwriting())) {
            CheckpointWeights.requireTensors(checkpoint, mapping.source());
            Notes.report(progress, settings.teacher(), checkpoint);
            tokenizer.requireVocabulary(mapping.source().vocabSize());
            run.requireRoom(task.disk());
            run.requireApart(settings.training());
            // Before the training, so that a tokenizer that cannot be copied does not waste it.
            LlamaDirectory.writeCompanions(mapping.target(), stored, settings.teacher(), directory.directory(), settings.tokenizer(), progress);
            resume(run);
            provenance = new DistillationProvenance(task, options, textSteps, recorded);
            TrainingOptions read = options.withSteps(textSteps);
            long learnt = recorded.map(RecordingUse::textTokens).orElseGet(() -> DistillationText.learnt(task, read));
            try (var text = DistillationText.read(settings, read, learnt, task.encoder(tokenizer), run::reportText)) {
                recorded.ifPresent(use -> use.require(checkpoint, text, progress));
                return distil(checkpoint, given, text, directory, run);
            }
        }
    }

    /** Refuses to resume a run that has ended: its output is where another run begins. */
    private void requireUnfinished() {
        Path output = settings.output();
        if (settings.resume().isWanted() && hasTraining() && !TrainingRun.isBegun(output) && Files.exists(output.resolve(DecoderConfig.FILE))) {
            throw new RunException("[resume] the run that made %s has ended, and there is no saved state of it; go on from it with --student %1$s, "
                    .formatted(output) + "without --resume, and another --output");
        }
    }

    /** Takes from the state of a resumed run what a higher total of steps leaves as it was. */
    private void resume(TrainingRun run) {
        Map<String, String> before = run.resumed();
        options = settings.training().resumed(options, before);
        String begun = before.getOrDefault(TrainingState.TEXT_STEPS, before.getOrDefault(TrainingState.STEPS, ""));
        if (begun.matches("\\d{1,18}") && Long.parseLong(begun) < options.steps()) {
            textSteps = Long.parseLong(begun);
        }
    }

    private DistillationRun.Result distil(Checkpoint checkpoint, GivenCheckpoint given, DistillationText text, OutputDirectory directory,
            TrainingRun run) {
        Device device = settings.device();
        RunInputs inputs = text.inputs();
        run.require(provenance.fingerprint(inputs), device);
        if (textSteps != options.steps()) {
            progress.note("the run began with %,d steps and goes on to %,d, with the text of its start; one run of %2$,d steps has another result"
                    .formatted(textSteps, options.steps()));
        }
        progress.note(device.backend().description());
        text.report(options, run::reportText, progress);
        settings.training().noteDigits(stored, progress);
        var starts = new StudentStart(progress, settings.teacher(), settings.tokenizer().chatTemplate(), checkpoint, text.rests(), device,
                settings.ranks(), given);
        var stages = new Stages(text.evaluations());
        try (var ranks = new TrainingRanks(settings.ranks(), sharding, device);
                var models = models(checkpoint, starts, text, inputs, run, ranks)) {
            if (given.isPresent()) {
                inputs.addStudent(given.checksums());
                Map<String, String> teachers = models.teacher().checksums();
                // Otherwise a run could be resumed with another student, whose tensors are the teacher's where those of the first were not.
                GivenStudent.common(mapping).forEach((own, other) -> inputs.addStudent(Map.of(own, teachers.get(other))));
                run.require(provenance.fingerprint(inputs), device);
            }
            long parameters = trained.apply(models.student());
            evaluateMapped(models, starts, stages, ranks);
            TrainingRun.Outcome outcome = train(models, text, run, ranks);
            Optional<String> failure = Optional.ofNullable(outcome.notFinite());
            if (failure.isPresent() && models.best().curve().best().step() == 0) {
                throw new RunException("%s; no state was better than %s, so there is no output".formatted(
                        failure.get(), given.isPresent() ? "the given student" : "the mapping"));
            }
            evaluateTrained(models, outcome, stages);
            SequencedMap<String, Object> facts = provenance.facts(checkpoint, given, inputs, run, parameters, stages.seconds());
            RunReport report = report(models, text, outcome, stages, facts, run);
            provenance.card(checkpoint, given, report, models.best().curve().best().step() > 0, run.resumptions())
                    .write(directory.directory(), progress);
            write(report, models.student(), directory, run);
            if (failure.isEmpty()) {
                run.discard();
                measurement.discard();
            }
            return new DistillationRun.Result(settings.output(), report, stages.seconds(), failure);
        }
    }

    /** Creates teacher and student; their properties are compared with a saved state as soon as they are known. */
    private DistillationModels models(Checkpoint checkpoint, StudentStart starts, DistillationText text, RunInputs inputs, TrainingRun run,
            TrainingRanks ranks) {
        Device device = settings.device();
        DistillationTeacher teacher = DistillationTeacher.of(task, checkpoint, ranks);
        try {
            inputs.addTeacher(teacher.checksums());
            run.require(provenance.fingerprint(inputs), device);
            long begun = System.nanoTime();
            Measurement.Measured measured = starts.measure(measurement, settings.mapping());
            measured.coverage().ifPresent(coverage -> run.putText("calibration text", coverage));
            measured.text().ifPresent(inputs::addCalibration);
            if (measured.text().isPresent()) {
                run.require(provenance.fingerprint(inputs), device);
            }
            Weights start = task.withAdapters(starts.weights(measurement, measured, settings.training().weightType()));
            Map<String, Tensor> shared = teacher.shared();
            if (!shared.isEmpty()) {
                progress.note("%,d of the student's %,d tensors are the teacher's own: not trained, and in memory once".formatted(
                        shared.size(), mapping.rows().size()));
            }
            if (task.adapters() != null) {
                List<ModelTensor> factors = task.adapters().factors(mapping.target());
                progress.note("%,d adapters of rank %d are trained: %,d parameters".formatted(factors.size() / 2, task.adapters().rank(),
                        factors.stream().mapToLong(factor -> factor.shape().elementCount()).sum()));
            }
            Decoder student = Decoder.create(mapping.target(), ranks.student(start, shared), task.adapters(), device);
            double seconds = (System.nanoTime() - begun) / 1e9;
            StoredRounding rounding = rounding(student, ranks);
            var best = new BestState(teacher.logits(), student, text.during(), rounding, start, run.best());
            return new DistillationModels(teacher, student, best, seconds);
        } catch (RuntimeException | Error e) {
            teacher.close();
            throw e;
        }
    }

    private StoredRounding rounding(Decoder student, TrainingRanks ranks) {
        return new StoredRounding(student, stored, ranks, task.mergesAdapters());
    }

    /** Whether there is training to resume; a run that ended while it measured has none. */
    private boolean hasTraining() {
        return TrainingRun.isBegun(settings.output()) || !measurement.isBegun();
    }

    /** The name of the stage before training where no other student is evaluated beside it. */
    private String first() {
        return settings.mapping().student() == null ? MAPPED : GIVEN;
    }

    /** Evaluates the initial student, and the students of other mappings for comparison. */
    private void evaluateMapped(DistillationModels models, StudentStart starts, Stages stages, TrainingRanks ranks) {
        StoredRounding rounding = rounding(models.student(), ranks);
        rounding.roundFrozen();
        String own = settings.mapping().name();
        List<MappingChoice> others = settings.compared();
        if (others.stream().noneMatch(other -> other.name().equals(own))) {
            rounding.during(() -> stages.evaluate(others.isEmpty() ? first() : own, models.seconds(), models.teacher().logits(), models.student()));
        }
        for (MappingChoice other : others) {
            if (other.name().equals(own)) {
                rounding.during(() -> stages.evaluate(own, models.seconds(), models.teacher().logits(), models.student()));
            } else {
                if (other.isCalibrated()) {
                    ranks.join(others.indexOf(other));
                }
                starts.evaluate(other, stored, models.teacher().logits(), stages);
            }
        }
    }

    private TrainingRun.Outcome train(DistillationModels models, DistillationText text, TrainingRun run, TrainingRanks ranks) {
        models.student().setActivationCheckpointing(settings.training().checkpointActivations());
        TrainingObjective objective = models.teacher().objective(settings.objective());
        try (var trainer = new Trainer(models.student(), objective, text.sequences(), options, ranks)) {
            trainer.engineInWords().ifPresent(progress::note);
            var evaluation = new HeldOutEvaluation(models.best(),
                    new HeldOutEvaluation.Schedule(evaluationInterval(), settings.patience(), options.steps()));
            TrainingRun.Outcome outcome = run.train("distill", new TrainingRun.Training(trainer, options.steps(), evaluation, _ -> { }, () -> { }),
                    settings.training());
            models.best().takeUp();
            models.student().setAdapterMerging(task.mergesAdapters() ? stored : null);
            return outcome;
        }
    }

    private void evaluateTrained(DistillationModels models, TrainingRun.Outcome outcome, Stages stages) {
        boolean alone = stages.seconds().containsKey(first());
        stages.evaluate(alone ? DISTILLED : "xkd from " + settings.mapping().name(), outcome.seconds(), models.teacher().logits(), models.student());
    }

    private RunReport report(DistillationModels models, DistillationText text, TrainingRun.Outcome outcome, Stages stages,
            SequencedMap<String, Object> facts, TrainingRun run) {
        String start = stages.seconds().containsKey(first()) ? first() : mapping.name();
        return new RunReport(stages.results(start), outcome.steps(), models.best().curve(), models.teacher().norms(text.evaluations()), mapping,
                facts, provenance.untrained(), run.texts());
    }

    private long evaluationInterval() {
        return settings.evaluationInterval(options.steps());
    }

    private void write(RunReport report, Decoder student, OutputDirectory directory, TrainingRun run) {
        if (task.adapters() == null || task.mergesAdapters()) {
            ModelWriter.write(student, stored, directory.directory(), settings.maxShardSize());
        } else {
            ModelWriter.writeBase(student, stored, directory.directory(), settings.maxShardSize());
            AdapterFiles.write(student, task.adapters(), settings.output(), directory.directory());
        }
        ReportWriter.write(report, directory.directory());
        try {
            Files.copy(run.metrics(), directory.directory().resolve("metrics.jsonl"));
        } catch (IOException e) {
            throw new RunException("[output] metrics.jsonl cannot be written: " + Reasons.of(e), e);
        }
        directory.commit();
    }
}
