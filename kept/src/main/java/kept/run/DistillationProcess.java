package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import kept.checkpoint.Checkpoint;
import kept.evaluation.Fidelity;
import kept.io.OutputDirectory;
import kept.mapping.Mapping;
import kept.mapping.NormProbe;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.ModelTensor;
import kept.model.OrionModel;
import kept.model.RecordedWeights;
import kept.model.Weights;
import kept.report.Figures;
import kept.report.ReportWriter;
import kept.report.RunReport;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;
import kept.training.BestState;
import kept.training.Distillation;
import kept.training.ParameterSelection;
import kept.training.RunInputs;
import kept.training.Sharding;
import kept.training.StepPlan;
import kept.training.StoredRounding;
import kept.training.Trainer;
import kept.training.TrainingOptions;
import kept.training.TrainingRanks;

/** The process of one distillation, in rank 0: map, evaluate, train, evaluate, write. */
final class DistillationProcess {
    private static final String MAPPED = "mapped";
    private static final String DISTILLED = "distilled";

    private final DistillationTask task;
    private final DistillationRun settings;
    private final Progress progress;
    private final Measurement measurement;
    private final Mapping mapping;
    private final TrainingOptions options;
    private final DType stored;
    private final ParameterSelection trained;
    private Sharding sharding;

    DistillationProcess(DistillationTask task, Progress progress) {
        this.task = task;
        this.progress = progress;
        settings = task.settings();
        mapping = task.mapping();
        options = task.options();
        stored = task.stored();
        trained = task.trained();
        measurement = new Measurement(settings.mapping(), mapping.source(), Measurement.directoryOf(settings.output()), settings.resume(), progress,
                settings.ranks());
    }

    DistillationRun.Result run() {
        measurement.requireNothingBegun(settings.isOverwriting());
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
                var directory = OutputDirectory.prepare(
                        settings.output(), settings.isOverwriting() || settings.resume().isWanted(), settings.inputs());
                var run = new TrainingRun(progress, settings.output(), settings.resume(), hasTraining(), settings.isOverwriting())) {
            CheckpointWeights.requireTensors(checkpoint, mapping.source());
            Notes.report(progress, settings.teacher(), checkpoint);
            tokenizer.requireVocabulary(mapping.source().vocabSize());
            run.requireRoom(disk());
            // Before the training, so that a tokenizer that cannot be copied does not waste it.
            LlamaDirectory.writeCompanions(mapping.target(), stored, settings.teacher(), directory.directory(), settings.tokenizer(), progress);
            try (var text = DistillationText.read(settings, options, settings.mapping().textTokens(mapping.source()), tokenizer, run)) {
                return distil(checkpoint, text, directory, run);
            }
        }
    }

    private DistillationRun.Result distil(Checkpoint checkpoint, DistillationText text, OutputDirectory directory, TrainingRun run) {
        Device device = settings.device();
        RunInputs inputs = text.inputs();
        run.require(fingerprint(inputs), device);
        progress.note(device.backend().description());
        text.report(options, run, progress);
        settings.training().noteDigits(stored, progress);
        var starts = new StudentStart(progress, settings.teacher(), checkpoint, text.packed(), text.heldOut(), device, settings.ranks());
        var stages = new Stages(text.evaluations());
        try (var ranks = new TrainingRanks(settings.ranks(), sharding, device);
                var models = models(checkpoint, starts, text, inputs, run, ranks)) {
            long parameters = trained.apply(models.student());
            evaluateMapped(models, starts, stages, ranks);
            TrainingRun.Outcome outcome = train(models, text, run, ranks);
            Optional<String> failure = Optional.ofNullable(outcome.notFinite());
            if (failure.isPresent() && models.best().curve().best().step() == 0) {
                throw new RunException(failure.get() + "; no state was better than the mapping, so there is no output");
            }
            evaluateTrained(models, outcome, stages);
            RunReport report = report(models, text, outcome, stages, parameters, run);
            card(checkpoint, report, models.best().curve().best().step() > 0).write(directory.directory(), progress);
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
        var weights = new RecordedWeights(checkpoint);
        var teacher = (OrionModel) Decoder.create(mapping.source(), ranks.teacher(weights), device);
        try {
            inputs.addTeacher(weights.checksums());
            run.require(fingerprint(inputs), device);
            long begun = System.nanoTime();
            Measurement.Measured measured = starts.measure(measurement, settings.mapping());
            measured.coverage().ifPresent(coverage -> run.putText("calibration text", coverage));
            measured.text().ifPresent(inputs::addCalibration);
            if (measured.text().isPresent()) {
                run.require(fingerprint(inputs), device);
            }
            Weights start = starts.weights(measurement, measured, settings.training().weightType());
            Map<String, Tensor> shared = task.shared(teacher);
            if (!shared.isEmpty()) {
                progress.note("%,d of the student's %,d tensors are the teacher's own: not trained, and in memory once".formatted(
                        shared.size(), mapping.rows().size()));
            }
            Decoder student = Decoder.create(mapping.target(), ranks.student(start, shared), device);
            double seconds = (System.nanoTime() - begun) / 1e9;
            var rounding = new StoredRounding(student, stored, ranks);
            return new DistillationModels(teacher, student, new BestState(teacher, student, text.during(), rounding, start, run.best()), seconds);
        } catch (RuntimeException | Error e) {
            teacher.close();
            throw e;
        }
    }

    private TrainingDisk disk() {
        List<ModelTensor> tensors = ModelTensor.of(mapping.target());
        List<ModelTensor> chosen = tensors.stream().filter(tensor -> trained.selects(tensor.name())).toList();
        TrainingSettings training = settings.training();
        return new TrainingDisk(TrainingDisk.stateBytes(chosen, training.weightType(), training.codedMoments()),
                TrainingDisk.bytes(chosen, stored), TrainingDisk.bytes(tensors, stored), 0,
                settings.resume().isWanted() || training.isSavedAgain(options.steps()));
    }

    /** Whether there is training to resume; a run that ended while it measured has none. */
    private boolean hasTraining() {
        return TrainingRun.isBegun(settings.output()) || !measurement.isBegun();
    }

    /** Evaluates the initial student, and the students of other mappings for comparison. */
    private void evaluateMapped(DistillationModels models, StudentStart starts, Stages stages, TrainingRanks ranks) {
        var rounding = new StoredRounding(models.student(), stored, ranks);
        rounding.roundFrozen();
        String own = settings.mapping().name();
        List<MappingChoice> others = settings.compared();
        if (others.stream().noneMatch(other -> other.name().equals(own))) {
            rounding.during(() -> stages.evaluate(others.isEmpty() ? MAPPED : own, models.seconds(), models.teacher(), models.student()));
        }
        for (MappingChoice other : others) {
            if (other.name().equals(own)) {
                rounding.during(() -> stages.evaluate(own, models.seconds(), models.teacher(), models.student()));
            } else {
                if (other.isCalibrated()) {
                    ranks.join(others.indexOf(other));
                }
                starts.evaluate(other, stored, models.teacher(), stages);
            }
        }
    }

    private TrainingRun.Outcome train(DistillationModels models, DistillationText text, TrainingRun run, TrainingRanks ranks) {
        models.student().setActivationCheckpointing(settings.training().checkpointActivations());
        var objective = new Distillation(models.teacher(), settings.objective());
        try (var trainer = new Trainer(models.student(), objective, text.sequences(), options, ranks)) {
            trainer.engineInWords().ifPresent(progress::note);
            var evaluation = new HeldOutEvaluation(models.best(),
                    new HeldOutEvaluation.Schedule(evaluationInterval(), settings.patience(), options.steps()));
            TrainingRun.Outcome outcome = run.train("distill", new TrainingRun.Training(trainer, options.steps(), evaluation, _ -> { }, () -> { }),
                    settings.training());
            models.best().takeUp();
            return outcome;
        }
    }

    private void evaluateTrained(DistillationModels models, TrainingRun.Outcome outcome, Stages stages) {
        boolean alone = stages.seconds().containsKey(MAPPED);
        stages.evaluate(alone ? DISTILLED : "xkd from " + settings.mapping().name(), outcome.seconds(), models.teacher(), models.student());
    }

    private RunReport report(DistillationModels models, DistillationText text, TrainingRun.Outcome outcome, Stages stages, long parameters,
            TrainingRun run) {
        var probe = new NormProbe(models.teacher());
        text.evaluations().forEach(evaluation -> evaluation.forEachInput(models.teacher().device(), probe::observe));
        var provenance = new LinkedHashMap<String, String>(fingerprint());
        run.texts().forEach((name, coverage) -> provenance.put(name, coverage.description()));
        provenance.put("trained parameters", "%,d".formatted(parameters));
        stages.seconds().forEach((stage, seconds) -> provenance.put("seconds to make: " + stage, "%.1f".formatted(seconds)));
        String start = stages.seconds().containsKey(MAPPED) ? MAPPED : mapping.name();
        return new RunReport(stages.results(start), outcome.steps(), models.best().curve(), probe.statistics(), mapping, provenance, untrained(),
                run.texts());
    }

    /** The name of the output if training did not improve the student. */
    private String untrained() {
        DType narrowest = settings.training().weightType() == DType.BF16 ? DType.BF16 : stored;
        boolean isRounded = narrowest != DType.F32 && narrowest != mapping.source().dtype();
        return isRounded ? "the mapping, rounded to " + narrowest.label() : RunReport.MAPPING;
    }

    private long evaluationInterval() {
        return settings.evaluationInterval(options.steps());
    }

    private void write(RunReport report, Decoder student, OutputDirectory directory, TrainingRun run) {
        ModelWriter.write(student, stored, directory.directory(), settings.maxShardSize());
        ReportWriter.write(report, directory.directory());
        try {
            Files.copy(run.metrics(), directory.directory().resolve("metrics.jsonl"));
        } catch (IOException e) {
            throw new RunException("[output] metrics.jsonl cannot be written: " + Reasons.of(e), e);
        }
        directory.commit();
    }

    private ModelCard card(Checkpoint checkpoint, RunReport report, boolean improved) {
        String name = settings.mapping().name();
        String made = improved ? "by the mapping `%s` and distillation (XKD) on text".formatted(name)
                : "by the mapping `%s`; distillation (XKD) on text did not improve it, so this is %s".formatted(name, report.untrained());
        var card = ModelCard.ofLlama(settings.teacher(), ModelCard.nameOf(settings.teacher()), name, made);
        card.fact("tokens of training", "%,d".formatted(options.steps() * options.tokensPerStep()));
        card.fact("fingerprint of the source", checkpoint.fingerprint()).fact("command", settings.command());
        List<String> lines = new ArrayList<>(List.of(
                "KL is `KL(source || this model)` in nats per token on held-out text; top-1 is the share of positions at which both",
                "predict the same next token. report.html has the curves.", "",
                "| text | KL | top-1 | perplexity of the source | of this model |", "|---|---|---|---|---|"));
        report.domains().forEach(domain -> {
            Fidelity last = domain.stages().lastEntry().getValue();
            lines.add("| %s | %s | %.2f %% | %.2f | %.2f |".formatted(domain.name().replace("|", "\\|"), Figures.divergence(last.klMean()),
                    100 * last.top1Agreement(), last.perplexityTeacher(), last.perplexityStudent()));
        });
        return card.section("Fidelity", lines.toArray(String[]::new));
    }

    /** The settings that determine the result, apart from the inputs. */
    private SequencedMap<String, String> fingerprint() {
        var print = new LinkedHashMap<String, String>();
        SavedSettings.put(print, "teacher", mapping.source());
        print.putAll(settings.mapping().inWords(mapping.source()));
        print.putAll(TrainingSettings.inWords(options));
        SavedSettings.put(print, "objective", settings.objective());
        print.put("trained", trained.toString());
        print.put("judged", "every %d steps, patience %d".formatted(evaluationInterval(), settings.patience()));
        print.put("seed", Long.toString(settings.training().seed()));
        return print;
    }

    private SequencedMap<String, String> fingerprint(RunInputs inputs) {
        SequencedMap<String, String> print = fingerprint();
        print.put("judged as", stored.label());
        print.put("held out of the text", settings.heldOut().isEmpty() ? "%d tokens at most".formatted(settings.evaluationTokens()) : "none");
        print.putAll(inputs.inWords());
        return print;
    }
}
