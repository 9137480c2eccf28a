package kept.run;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.evaluation.Fidelity;
import kept.generation.LossTokens;
import kept.io.OutputDirectory;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
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
        measurement = new Measurement(settings.mapping(), mapping.source(), Measurement.directoryOf(settings.output()), settings.resume(), progress,
                settings.ranks());
    }

    DistillationRun.Result run() {
        measurement.requireNothingBegun(settings.isOverwriting());
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
            TrainingOptions read = options.withSteps(textSteps);
            long learnt = recorded.map(RecordingUse::textTokens).orElseGet(() -> DistillationText.learnt(task, read));
            try (var text = DistillationText.read(settings, read, learnt, task.encoder(tokenizer), run::reportText)) {
                recorded.ifPresent(use -> use.require(checkpoint, text, progress));
                return distil(checkpoint, given, text, directory, run);
            }
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
        run.require(fingerprint(inputs), device);
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
                run.require(fingerprint(inputs), device);
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
            RunReport report = report(models, text, outcome, stages, provenance(checkpoint, given, inputs, run, parameters, stages), run);
            card(checkpoint, given, report, models.best().curve().best().step() > 0).write(directory.directory(), progress);
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
            run.require(fingerprint(inputs), device);
            long begun = System.nanoTime();
            Measurement.Measured measured = starts.measure(measurement, settings.mapping());
            measured.coverage().ifPresent(coverage -> run.putText("calibration text", coverage));
            measured.text().ifPresent(inputs::addCalibration);
            if (measured.text().isPresent()) {
                run.require(fingerprint(inputs), device);
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

    private RunReport report(DistillationModels models, DistillationText text, TrainingRun.Outcome outcome, Stages stages, Provenance provenance,
            TrainingRun run) {
        String start = stages.seconds().containsKey(first()) ? first() : mapping.name();
        return new RunReport(stages.results(start), outcome.steps(), models.best().curve(), models.teacher().norms(text.evaluations()), mapping,
                provenance.facts(), untrained(), run.texts());
    }

    /** How the result was made: what determines it, and what else is known of the run. */
    private Provenance provenance(Checkpoint checkpoint, GivenCheckpoint given, RunInputs inputs, TrainingRun run, long parameters, Stages stages) {
        var provenance = new Provenance(settings.command(), settings.device(), settings.ranks().size()).putAll(fingerprint());
        provenance.put("teacher", "name", ModelCard.nameOf(settings.teacher())).put("teacher", "fingerprint", checkpoint.fingerprint());
        if (given.isPresent()) {
            provenance.put("student", "name", ModelCard.nameOf(settings.mapping().student())).put("student", "fingerprint", given.fingerprint());
        }
        // Of a user's own words, which may look like numbers.
        provenance.put("trained", trained.toString()).put("trained parameters", parameters).put("stored as", stored.label());
        provenance.put("steps between evaluations", evaluationInterval()).put("patience", settings.patience());
        inputs.texts().forEach(provenance::put);
        run.texts().forEach((name, coverage) -> {
            if (inputs.texts().containsKey(name)) {
                provenance.put(name, "description", coverage.description());
            } else {
                provenance.put(name, coverage.description());
            }
        });
        stages.seconds().forEach((stage, seconds) -> provenance.put("seconds to make", stage, Math.round(10 * seconds) / 10.0));
        return provenance;
    }

    /** The model whose tensors the student begins with. */
    private DecoderConfig start() {
        return settings.mapping().student() == null ? mapping.source() : mapping.target();
    }

    /** The name of the output if training did not improve the student. */
    private String untrained() {
        DType narrowest = settings.training().weightType() == DType.BF16 ? DType.BF16 : stored;
        boolean isRounded = narrowest != DType.F32 && narrowest != start().dtype();
        if (settings.mapping().student() != null) {
            return "the given student" + (isRounded ? ", rounded to " + narrowest.label() : " itself");
        }
        return isRounded ? "the mapping, rounded to " + narrowest.label() : RunReport.MAPPING;
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

    private ModelCard card(Checkpoint checkpoint, GivenCheckpoint given, RunReport report, boolean improved) {
        String name = settings.mapping().name();
        String from = given.isPresent() ? "and the Llama `%s`".formatted(ModelCard.nameOf(settings.mapping().student()))
                : "by the mapping `%s`".formatted(name);
        String made = from + (improved ? " %s distillation (XKD) on text".formatted(given.isPresent() ? "by" : "and")
                : "; distillation (XKD) on text did not improve it, so this is " + report.untrained());
        var card = ModelCard.ofLlama(settings.teacher(), ModelCard.nameOf(settings.teacher()), name, made);
        card.fact("tokens of training", "%,d".formatted(options.steps() * options.tokensPerStep()));
        if (given.isPresent()) {
            card.fact("student", ModelCard.nameOf(settings.mapping().student())).fact("fingerprint of the student", given.fingerprint());
        }
        trained.adapters().ifPresent(adapters -> card.fact("adapters", "%s; %s".formatted(adapters, task.mergesAdapters() ? "merged into the weights"
                : "in the folder " + AdapterFiles.FOLDER + ", for PEFT; the weights are without them")));
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
        RecordingUse.of(task).ifPresent(use -> print.put("teacher's logits", use.inWords()));
        print.put("trained", trained.toString());
        trained.adapters().ifPresent(adapters -> SavedSettings.put(print, "lora", adapters));
        print.put("judged", "every %d steps, patience %d".formatted(evaluationInterval(), settings.patience()));
        print.put("seed", Long.toString(settings.training().seed()));
        if (textSteps != options.steps()) {
            print.put(TrainingState.TEXT_STEPS, Long.toString(textSteps));
        }
        // Absent in the states of runs with one text and the loss on all tokens, as those of former versions are.
        if (settings.corpora().size() > 1) {
            print.put("weights", settings.corpora().stream().map(text -> "%s %s".formatted(text.name(), text.weight()))
                    .collect(Collectors.joining(", ")));
        }
        if (settings.lossTokens() != LossTokens.ALL) {
            print.put("loss on", settings.lossTokens().toString());
        }
        return print;
    }

    private SequencedMap<String, String> fingerprint(RunInputs inputs) {
        SequencedMap<String, String> print = fingerprint();
        print.put("judged as", stored.label() + (task.adapters() == null || task.mergesAdapters() ? "" : ", with the adapter beside it"));
        print.put("held out of the text", settings.heldOut().isEmpty() ? "%d tokens at most".formatted(settings.evaluationTokens()) : "none");
        print.putAll(inputs.inWords());
        return print;
    }
}
