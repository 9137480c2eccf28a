package kept;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.backend.DistillationObjective;
import kept.checkpoint.Checkpoint;
import kept.corpus.Corpus;
import kept.corpus.CorpusException;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.evaluation.TextEvaluation;
import kept.io.OutputDirectory;
import kept.mapping.Mapping;
import kept.mapping.NamedMapping;
import kept.mapping.NormProbe;
import kept.mapping.TensorMapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.OrionModel;
import kept.model.RecordedWeights;
import kept.model.Weights;
import kept.report.ReportWriter;
import kept.report.RunReport;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.text.Counts;
import kept.text.Reasons;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;
import kept.training.BestState;
import kept.training.Distillation;
import kept.training.ParameterSelection;
import kept.training.RunInputs;
import kept.training.StepMetrics;
import kept.training.StoredRounding;
import kept.training.Trainer;
import kept.training.TrainingOptions;

/** A distillation from a teacher's directory to the finished Llama directory with its report: map, judge, train, judge, write. */
final class DistillationRun {
    private static final String MAPPED = "mapped";
    private static final String DISTILLED = "distilled";

    private final Program program;
    private final OptimizerOptions optimizer;
    private final Settings settings;

    /**
     * What the user asked for.
     *
     * @param output the Llama directory to make
     * @param mapping where the student starts
     * @param tokens how many to distil on
     * @param train which parameters
     * @param objective the loss
     * @param evaluationTokens how many to judge each domain on
     * @param evaluateEvery steps between judgements on held-out text; null for the usual
     * @param patience how many judgements without improvement end the training; 0 for any number
     * @param dtype of the stored weights; null for the teacher's
     * @param largestShard bytes of a weight file, at most
     * @param resume whether to take up what is saved
     * @param overwrite whether to replace what is there
     * @param tokenizer what to write of the tokenizer
     */
    record Settings(Path output, MappingOptions mapping, long tokens, ParameterSelection train, DistillationObjective objective,
            long evaluationTokens, Long evaluateEvery, int patience, DType dtype, long largestShard, ResumeOptions resume, boolean overwrite,
            TokenizerFiles.Options tokenizer) {}

    /**
     * Held-out text.
     *
     * @param name what it is called in the table
     * @param text documents that training does not see
     */
    record Domain(String name, Corpus text) {}

    /**
     * What is learnt from and what is judged on.
     *
     * @param transfer what the student learns from
     * @param domains what it is judged on; empty for the beginning of the transfer text
     * @param mappings those whose students are judged too, without training
     */
    record Texts(Corpus transfer, List<Domain> domains, List<String> mappings) {}

    DistillationRun(Program program, OptimizerOptions optimizer, Settings settings) {
        this.program = program;
        this.optimizer = optimizer;
        this.settings = settings;
    }

    /**
     * A peak learning rate that suits a start. AdamW moves every number by about the learning rate, whatever is left to gain: a start that is nearer
     * to the teacher than that noise is only harmed (docs/kept.md).
     */
    private double learningRate() {
        return switch (NamedMapping.of(settings.mapping().name())) {
            case CALIBRATED -> 3e-5;
            case EXACT -> 1e-6;
            case ONES, OPM, CENTRED -> 3e-4;
        };
    }

    private TrainingOptions training(OptimizerOptions.Defaults defaults, DecoderConfig config) {
        return optimizer.training(settings.tokens(), defaults.withLearningRate(learningRate()), config.maxPositions());
    }

    /** Tells what a run would take, and makes nothing. */
    void plan(Path teacherDirectory, OptimizerOptions.Defaults defaults, Program.DeviceOptions device) {
        DecoderConfig config = DecoderConfig.read(teacherDirectory);
        var measurement = new MeasuredMapping(program, settings.mapping(), config, MeasuredMapping.directoryOf(settings.output()),
                settings.resume());
        Mapping mapping = measurement.table();
        TrainingOptions options = training(defaults, config);
        Device target = device.open();
        program.tell(target);
        if (settings.mapping().isCalibrated()) {
            measurement.printPlan(target);
            program.out().println();
        }
        DistillationPlan plan = plan(teacherDirectory, mapping, options, target);
        plan.printMemory(MachineMemory.of(target), program.out());
        plan.printTime(program.out());
    }

    private DistillationPlan plan(Path teacherDirectory, Mapping mapping, TrainingOptions options, Device target) {
        var execution = new DistillationPlan.Execution(target, optimizer.trainingType(), optimizer.checkpointActivations());
        return DistillationPlan.of(teacherDirectory, mapping.source(), mapping.target(), trained(mapping), options, execution,
                storedType(mapping.target()));
    }

    /** Does all of it and prints the result; without domains, the beginning of the text is held out to judge on. */
    void execute(Path teacherDirectory, Texts texts, OptimizerOptions.Defaults defaults, Program.DeviceOptions device) {
        DecoderConfig config = DecoderConfig.read(teacherDirectory);
        var measurement = new MeasuredMapping(program, settings.mapping(), config, MeasuredMapping.directoryOf(settings.output()),
                settings.resume());
        Mapping mapping = measurement.table();
        TrainingOptions options = training(defaults, config);
        requireNothingMeasured(measurement);
        Device target = device.open();
        plan(teacherDirectory, mapping, options, target).requireRoom(MachineMemory.of(target), program.err());
        try (var checkpoint = Checkpoint.open(teacherDirectory);
                Tokenizer tokenizer = Tokenizer.load(teacherDirectory);
                var directory = OutputDirectory.prepare(
                        settings.output(), settings.overwrite() || settings.resume().isWanted(), inputs(teacherDirectory));
                var run = new TrainingRun(program, settings.output(), settings.resume(), hasTraining(measurement), settings.overwrite())) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Remarks.tell(program.err(), teacherDirectory, checkpoint);
            tokenizer.requireVocabulary(config.vocabSize());
            run.requireRoom(disk(mapping, options));
            // Before the training, so that a tokenizer that cannot be carried over does not cost it.
            LlamaDirectory.writeCompanions(
                    mapping.target(), storedType(mapping.target()), teacherDirectory, directory.directory(), settings.tokenizer())
                    .forEach(remark -> program.err().println("note: " + remark));
            int length = options.sequenceLength();
            boolean noDomains = texts.domains().isEmpty();
            long judgedTokens = HeldOut.MOST_DURING + length + (noDomains ? settings.evaluationTokens() + length : 0);
            long learnt = Math.max(options.steps() * options.tokensPerStep(), settings.mapping().textTokens(config));
            try (var packed = PackedTokens.of(texts.transfer(), tokenizer, judgedTokens + learnt + length + 1)) {
                long heldOut = noDomains ? HeldOut.beginning(packed, length, settings.evaluationTokens()) : 0;
                long during = HeldOut.during(packed, heldOut, length);
                var judged = TextEvaluation.of("held-out", packed, heldOut, length, during);
                var sequences = new PackedSequences(packed, heldOut + during, length, 1, optimizer.seed());
                List<TextEvaluation> evaluations = noDomains
                        ? List.of(TextEvaluation.of("corpus", packed, length, heldOut))
                        : evaluations(texts.domains(), tokenizer, length, run);
                var inputs = new RunInputs();
                inputs.addCorpus(0, packed);
                evaluations.forEach(inputs::addJudged);
                run.require(fingerprint(mapping, options, texts, inputs), target);
                program.tell(target);
                run.tellText("training text", packed.coverage());
                tell(packed.size(), heldOut + during, sequences, options);
                optimizer.remarkDigits(storedType(mapping.target()), program.err());
                var starts = new StudentStart(program, teacherDirectory, checkpoint, packed, heldOut + during, target);
                var weights = new RecordedWeights(checkpoint);
                try (var teacher = (OrionModel) Decoder.create(config, weights, target)) {
                    inputs.addTeacher(weights.checksums());
                    run.require(fingerprint(mapping, options, texts, inputs), target);
                    long begun = System.nanoTime();
                    Weights start = starts.weights(measurement, optimizer.trainingType());
                    if (measurement.coverage() != null) {
                        run.putText("calibration text", measurement.coverage());
                    }
                    if (measurement.text() != null) {
                        inputs.addCalibration(measurement.text());
                        run.require(fingerprint(mapping, options, texts, inputs), target);
                    }
                    try (Decoder student = Decoder.create(mapping.target(), start, target)) {
                        double seconds = (System.nanoTime() - begun) / 1e9;
                        var best = new BestState(teacher, student, judged, storedType(mapping.target()), start, run.best());
                        var models = new Models(teacher, student, best);
                        var stages = new Stages(teacher, evaluations);
                        long trained = trained(mapping).apply(student);
                        judgeMapped(models, seconds, starts, texts.mappings(), stages);
                        TrainingRun.Outcome outcome = train(models, sequences, options, run);
                        if (outcome.notFinite() != null && best.curve().best().step() == 0) {
                            throw new ProgramException(outcome.notFinite() + "; no state was better than the mapping, so there is no output");
                        }
                        judgeTrained(models, outcome, stages);
                        RunReport report = report(
                                models, evaluations, outcome.steps(), stages, mapping, fingerprint(mapping, options), trained, run.texts());
                        write(report, student, directory, run);
                        if (outcome.notFinite() == null) {
                            run.discard();
                            measurement.discard();
                        }
                        tell(report, texts.mappings().isEmpty() ? null : stages.seconds());
                        if (outcome.notFinite() != null) {
                            throw new ProgramException("%s; %s is the student of that state".formatted(outcome.notFinite(), settings.output()));
                        }
                    }
                }
            }
        }
    }

    private TrainingDisk disk(Mapping mapping, TrainingOptions options) {
        List<ModelTensor> tensors = ModelTensor.of(mapping.target());
        ParameterSelection selection = trained(mapping);
        List<ModelTensor> chosen = tensors.stream().filter(tensor -> selection.selects(tensor.name())).toList();
        DType stored = storedType(mapping.target());
        return new TrainingDisk(TrainingDisk.stateBytes(chosen, optimizer.trainingType(), optimizer.codedMoments()),
                TrainingDisk.bytes(chosen, stored), TrainingDisk.bytes(tensors, stored), 0,
                settings.resume().isWanted() || optimizer.isSavedAgain(options.steps()));
    }

    /** All that is read, the demo's teacher too. */
    private Path[] inputs(Path teacherDirectory) {
        return Stream.concat(Stream.of(teacherDirectory), Stream.of(program.inputs())).toArray(Path[]::new);
    }

    /** Whether there is training to take up: a run that ended while it measured has none. */
    private boolean hasTraining(MeasuredMapping measurement) {
        return TrainingRun.isBegun(settings.output()) || !measurement.isBegun();
    }

    private void requireNothingMeasured(MeasuredMapping measurement) {
        if (!settings.resume().isWanted() && measurement.isBegun()) {
            if (!settings.overwrite()) {
                throw new ProgramException("[calibration] %s holds an unfinished calibration; go on with --resume, or start over with --overwrite"
                        .formatted(MeasuredMapping.directoryOf(settings.output())));
            }
            measurement.discard();
        }
    }

    private record Models(OrionModel teacher, Decoder student, BestState best) {}

    /** Judges the student where it starts, and the students of other mappings beside it. */
    private void judgeMapped(Models models, double seconds, StudentStart starts, List<String> mappings, Stages stages) {
        DType stored = storedType(models.student().config());
        var rounding = new StoredRounding(models.student(), stored);
        rounding.roundFrozen();
        String own = settings.mapping().name();
        if (!mappings.contains(own)) {
            rounding.during(() -> stages.judge(mappings.isEmpty() ? MAPPED : own, seconds, models.student()));
        }
        for (String mapping : mappings) {
            if (mapping.equals(own)) {
                rounding.during(() -> stages.judge(own, seconds, models.student()));
            } else {
                starts.judge(mapping, stored, stages);
            }
        }
    }

    private TrainingRun.Outcome train(Models models, PackedSequences sequences, TrainingOptions options, TrainingRun run) {
        models.student().setActivationCheckpointing(optimizer.checkpointActivations());
        try (var trainer = new Trainer(models.student(), new Distillation(models.teacher(), settings.objective()), sequences, options)) {
            var judging = new Judging(models.best(), new Judging.Schedule(evaluateEvery(options), settings.patience(), options.steps()));
            TrainingRun.Outcome outcome = run.train("distill", new TrainingRun.Training(trainer, options.steps(), judging, _ -> { }, () -> { }),
                    optimizer);
            models.best().takeUp();
            return outcome;
        }
    }

    private void judgeTrained(Models models, TrainingRun.Outcome outcome, Stages stages) {
        boolean alone = stages.seconds().containsKey(MAPPED);
        stages.judge(alone ? DISTILLED : "xkd from " + settings.mapping().name(), outcome.seconds(), models.student());
    }

    private RunReport report(Models models, List<TextEvaluation> evaluations, List<StepMetrics> steps, Stages stages, Mapping mapping,
            SequencedMap<String, String> settings, long trained, SequencedMap<String, TextCoverage> texts) {
        var probe = new NormProbe(models.teacher());
        evaluations.forEach(evaluation -> evaluation.forEachInput(models.teacher().device(), probe::observe));
        var provenance = new LinkedHashMap<String, String>(settings);
        texts.forEach((name, coverage) -> provenance.put(name, coverage.description()));
        provenance.put("trained parameters", "%,d".formatted(trained));
        stages.seconds().forEach((stage, seconds) -> provenance.put("seconds to make: " + stage, "%.1f".formatted(seconds)));
        String start = stages.seconds().containsKey(MAPPED) ? MAPPED : mapping.name();
        return new RunReport(stages.results(start), steps, models.best().curve(), probe.statistics(), mapping, provenance, untrained(mapping),
                texts);
    }

    /** What the output is where training did not help. */
    private String untrained(Mapping mapping) {
        DType stored = storedType(mapping.target());
        DType narrowest = optimizer.trainingType() == DType.BF16 ? DType.BF16 : stored;
        boolean isRounded = narrowest != DType.F32 && narrowest != mapping.source().dtype();
        return isRounded ? "the mapping, rounded to " + narrowest.label() : RunReport.MAPPING;
    }

    private long evaluateEvery(TrainingOptions options) {
        return settings.evaluateEvery() == null ? Judging.Schedule.usual(options.steps()) : settings.evaluateEvery();
    }

    /** What is trained. Tensors that are made of nothing of the teacher's are constants of the mapping's construction, and stay as they are. */
    private ParameterSelection trained(Mapping mapping) {
        Set<String> constants = mapping.rows().stream().filter(row -> row.sources().isEmpty()).map(TensorMapping::target).collect(Collectors.toSet());
        return settings.train().without(constants, "the mapping's " + Counts.of(constants.size(), "constant tensor"));
    }

    private void write(RunReport report, Decoder student, OutputDirectory directory, TrainingRun run) {
        DType stored = storedType(student.config());
        ModelWriter.write(student, stored, directory.directory(), settings.largestShard());
        ReportWriter.write(report, directory.directory());
        try {
            Files.copy(run.metrics(), directory.directory().resolve("metrics.jsonl"));
        } catch (IOException e) {
            throw new ProgramException("[output] metrics.jsonl cannot be written: " + Reasons.of(e), e);
        }
        directory.commit();
    }

    /** Prints the result; with the seconds of each stage, all stages side by side. */
    private void tell(RunReport report, SequencedMap<String, Double> seconds) {
        if (seconds == null) {
            ReportWriter.print(report, program.out());
        } else {
            ReportWriter.print(report, seconds, program.out());
        }
        program.out().println("Llama checkpoint: " + settings.output());
        program.out().println("report:           " + settings.output().resolve("report.html"));
        program.out().println("next:             bin/kept generate --model %s --prompt \"Returns the\"".formatted(settings.output()));
    }

    /** What the student's weights are stored in. */
    private DType storedType(DecoderConfig student) {
        return settings.dtype() == null ? student.dtype() : settings.dtype();
    }

    private List<TextEvaluation> evaluations(List<Domain> domains, Tokenizer tokenizer, int length, TrainingRun run) {
        List<TextEvaluation> evaluations = new ArrayList<>();
        for (Domain domain : domains) {
            try (PackedTokens tokens = PackedTokens.of(domain.text(), tokenizer, settings.evaluationTokens() + length + 1)) {
                evaluations.add(TextEvaluation.of(domain.name(), tokens, length, settings.evaluationTokens()));
                run.tellText("held-out text " + domain.name(), tokens.coverage());
            } catch (CorpusException e) {
                throw new ProgramException("[evaluation] too little text to judge the student on as '%s': %s; name some with --evaluate NAME=FILE"
                        .formatted(domain.name(), e.getMessage()), e);
            }
        }
        return evaluations;
    }

    /** Says how much of what was read the training learns from. */
    private void tell(long read, long heldOut, PackedSequences sequences, TrainingOptions options) {
        long wanted = options.steps() * options.tokensPerStep();
        double epochs = sequences.epochs(wanted);
        program.err().println("of these %,d tokens the first %,d are held out; training learns from %,d of the others".formatted(
                read, heldOut, Math.min(wanted, sequences.tokens())));
        if (epochs > 1) {
            program.err().println("the text is seen %.1f times".formatted(epochs));
        }
    }

    /** What shapes the result, but for what is read. */
    private SequencedMap<String, String> fingerprint(Mapping mapping, TrainingOptions options) {
        var print = new LinkedHashMap<String, String>();
        print.put("teacher", mapping.source().toString());
        print.putAll(settings.mapping().inWords(mapping.source()));
        print.putAll(OptimizerOptions.inWords(options));
        print.put("objective", settings.objective().toString());
        print.put("trained", trained(mapping).toString());
        print.put("judged", "every %d steps, patience %d".formatted(evaluateEvery(options), settings.patience()));
        print.put("seed", Long.toString(optimizer.seed()));
        return print;
    }

    private SequencedMap<String, String> fingerprint(Mapping mapping, TrainingOptions options, Texts texts, RunInputs inputs) {
        SequencedMap<String, String> print = fingerprint(mapping, options);
        print.put("judged as", storedType(mapping.target()).label());
        print.put("held out of the text", texts.domains().isEmpty() ? "%d tokens at most".formatted(settings.evaluationTokens()) : "none");
        print.putAll(inputs.inWords());
        return print;
    }
}
