package kept;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import kept.backend.DistillationObjective;
import kept.checkpoint.Checkpoint;
import kept.checkpoint.OutputDirectory;
import kept.distill.BestState;
import kept.distill.Corpus;
import kept.distill.CorpusException;
import kept.distill.Distillation;
import kept.distill.Fidelity;
import kept.distill.PackedSequences;
import kept.distill.PackedTokens;
import kept.distill.ParameterSelection;
import kept.distill.StepMetrics;
import kept.distill.StoredRounding;
import kept.distill.TextEvaluation;
import kept.distill.Trainer;
import kept.distill.TrainingOptions;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.mapping.NormProbe;
import kept.mapping.TensorMapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.OrionModel;
import kept.model.Weights;
import kept.report.DomainResult;
import kept.report.ReportWriter;
import kept.report.RunReport;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;

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
     * @param resume whether to take up a saved state
     * @param overwrite whether to replace what is there
     * @param tokenizer what to write of the tokenizer
     */
    record Settings(Path output, String mapping, long tokens, ParameterSelection train, DistillationObjective objective, long evaluationTokens,
            Long evaluateEvery, int patience, DType dtype, long largestShard, boolean resume, boolean overwrite, TokenizerFiles.Options tokenizer) {}

    /**
     * Held-out text.
     *
     * @param name what it is called in the table
     * @param text documents that training does not see
     */
    record Domain(String name, Corpus text) {}

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
        return switch (settings.mapping()) {
            case "calibrated" -> 1e-5;
            case "exact" -> 1e-6;
            default -> 3e-4;
        };
    }

    private TrainingOptions training(OptimizerOptions.Defaults defaults, DecoderConfig config) {
        return optimizer.training(settings.tokens(), defaults.withLearningRate(learningRate()), config.maxPositions());
    }

    /** Tells what a run would take, and makes nothing. */
    void plan(Path teacherDirectory, OptimizerOptions.Defaults defaults, Program.DeviceOptions device) {
        DecoderConfig config = DecoderConfig.read(teacherDirectory);
        Mapping mapping = Mapping.named(settings.mapping(), config);
        TrainingOptions options = training(defaults, config);
        Device target = device.open();
        program.tell(target);
        DistillationPlan plan = plan(teacherDirectory, mapping, options);
        plan.printMemory(MachineMemory.now(), program.out());
        plan.printTime(target, program.out());
    }

    private DistillationPlan plan(Path teacherDirectory, Mapping mapping, TrainingOptions options) {
        return DistillationPlan.of(teacherDirectory, mapping.source(), mapping.target(), trained(mapping), options, optimizer.checkpointActivations(),
                storedType(mapping.target()));
    }

    /** Does all of it and prints the result; without domains, the beginning of the text is held out to judge on. */
    void execute(Path teacherDirectory, Corpus text, List<Domain> domains, OptimizerOptions.Defaults defaults, Program.DeviceOptions device) {
        DecoderConfig config = DecoderConfig.read(teacherDirectory);
        Mapping mapping = Mapping.named(settings.mapping(), config);
        mapping.requireComplete();
        TrainingOptions options = training(defaults, config);
        OptimizerOptions.requireAtLeastOne("--evaluation-tokens", settings.evaluationTokens());
        requireNotNegative("--evaluate-every", evaluateEvery(options));
        requireNotNegative("--patience", settings.patience());
        Device target = device.open();
        if (target == Device.cpu()) {
            plan(teacherDirectory, mapping, options).requireRoom(MachineMemory.now(), program.err());
        }
        try (var checkpoint = Checkpoint.open(teacherDirectory);
                Tokenizer tokenizer = Tokenizer.load(teacherDirectory);
                var directory = OutputDirectory.prepare(settings.output(), settings.overwrite() || settings.resume(), teacherDirectory);
                var run = new TrainingRun(
                        program, settings.output(), fingerprint(mapping, options, text, domains), settings.resume(), settings.overwrite())) {
            CheckpointWeights.requireTensors(checkpoint, config);
            tokenizer.requireVocabulary(config.vocabSize());
            // Before the training, so that a tokenizer that cannot be carried over does not cost it.
            LlamaDirectory.writeCompanions(
                    mapping.target(), storedType(mapping.target()), teacherDirectory, directory.directory(), settings.tokenizer());
            int length = options.sequenceLength();
            long judgedTokens = HeldOut.MOST_DURING + length + (domains.isEmpty() ? settings.evaluationTokens() + length : 0);
            long enough = options.steps() * options.tokensPerStep() + length + 1 + judgedTokens;
            try (var packed = PackedTokens.of(text, tokenizer, enough)) {
                long heldOut = domains.isEmpty() ? HeldOut.beginning(packed, length, settings.evaluationTokens()) : 0;
                long during = HeldOut.during(packed, heldOut, length);
                var judged = TextEvaluation.of("held-out", packed, heldOut, length, during);
                var sequences = new PackedSequences(packed, heldOut + during, length, 1, optimizer.seed());
                List<TextEvaluation> evaluations = domains.isEmpty()
                        ? List.of(TextEvaluation.of("corpus", packed, length, heldOut))
                        : evaluations(domains, tokenizer, length);
                program.tell(target);
                tell(packed, sequences, options);
                Weights start = new MappedWeights(mapping, new CheckpointWeights(checkpoint), DType.F32);
                try (var teacher = (OrionModel) Decoder.create(config, new CheckpointWeights(checkpoint), target);
                        Decoder student = Decoder.create(mapping.target(), start, target)) {
                    var best = new BestState(teacher, student, judged, storedType(mapping.target()), start, run.best());
                    RunReport report = distill(new Models(teacher, student, best), evaluations, sequences, options, run, mapping);
                    write(report, student, directory, run);
                }
            }
        }
    }

    private static void requireNotNegative(String option, long value) {
        if (value < 0) {
            throw new ProgramException("[training] %s must be 0 or more, not %d".formatted(option, value));
        }
    }

    private record Models(OrionModel teacher, Decoder student, BestState best) {}

    private RunReport distill(Models models, List<TextEvaluation> evaluations, PackedSequences sequences, TrainingOptions options, TrainingRun run,
            Mapping mapping) {
        long trained = trained(mapping).apply(models.student());
        var rounding = new StoredRounding(models.student(), storedType(mapping.target()));
        rounding.roundFrozen();
        var probe = new NormProbe(models.teacher());
        evaluations.forEach(evaluation -> evaluation.forEachInput(models.teacher().device(), probe::observe));
        Map<String, SequencedMap<String, Fidelity>> stages = new LinkedHashMap<>();
        rounding.during(() -> judge(MAPPED, models, evaluations, stages));
        models.student().setActivationCheckpointing(optimizer.checkpointActivations());
        List<StepMetrics> steps;
        try (var trainer = new Trainer(models.student(), new Distillation(models.teacher(), settings.objective()), sequences, options)) {
            var judging = new Judging(models.best(), new Judging.Schedule(evaluateEvery(options), settings.patience(), options.steps()));
            steps = run.train("distill", trainer, options.steps(), optimizer, judging);
        }
        models.best().takeUp();
        judge(DISTILLED, models, evaluations, stages);
        List<DomainResult> results = new ArrayList<>();
        stages.forEach((name, fidelity) -> results.add(new DomainResult(name, fidelity)));
        var provenance = new LinkedHashMap<String, String>(fingerprint(mapping, options, null, List.of()));
        provenance.put("trained parameters", "%,d".formatted(trained));
        return new RunReport(results, steps, models.best().curve(), probe.statistics(), mapping, provenance);
    }

    private static Map<String, SequencedMap<String, Fidelity>> judge(
            String stage, Models models, List<TextEvaluation> evaluations, Map<String, SequencedMap<String, Fidelity>> stages) {
        for (TextEvaluation evaluation : evaluations) {
            stages.computeIfAbsent(evaluation.name(), name -> new LinkedHashMap<>())
                    .put(stage, evaluation.compare(models.teacher(), models.student()));
        }
        return stages;
    }

    private long evaluateEvery(TrainingOptions options) {
        return settings.evaluateEvery() == null ? Judging.Schedule.usual(options.steps()) : settings.evaluateEvery();
    }

    /** What is trained. Tensors that are made of nothing of the teacher's are constants of the mapping's construction, and stay as they are. */
    private ParameterSelection trained(Mapping mapping) {
        Set<String> constants = mapping.rows().stream().filter(row -> row.sources().isEmpty()).map(TensorMapping::target).collect(Collectors.toSet());
        return settings.train().without(constants, "the mapping's %d constant tensors".formatted(constants.size()));
    }

    private void write(RunReport report, Decoder student, OutputDirectory directory, TrainingRun run) {
        DType stored = storedType(student.config());
        ModelWriter.write(student, stored, directory.directory(), settings.largestShard());
        ReportWriter.write(report, directory.directory());
        try {
            Files.copy(run.metrics(), directory.directory().resolve("metrics.jsonl"));
        } catch (IOException e) {
            throw new ProgramException("[output] metrics.jsonl cannot be written: " + e.getMessage(), e);
        }
        directory.commit();
        run.discard();
        ReportWriter.print(report, program.out());
        program.out().println("Llama checkpoint: " + settings.output());
        program.out().println("report:           " + settings.output().resolve("report.html"));
        program.out().println("next:             bin/kept generate --model %s --prompt \"Returns the\"".formatted(settings.output()));
    }

    /** What the student's weights are stored in. */
    private DType storedType(DecoderConfig student) {
        return settings.dtype() == null ? student.dtype() : settings.dtype();
    }

    private List<TextEvaluation> evaluations(List<Domain> domains, Tokenizer tokenizer, int length) {
        List<TextEvaluation> evaluations = new ArrayList<>();
        for (Domain domain : domains) {
            try (PackedTokens tokens = PackedTokens.of(domain.text(), tokenizer, settings.evaluationTokens() + length + 1)) {
                evaluations.add(TextEvaluation.of(domain.name(), tokens, length, settings.evaluationTokens()));
            } catch (CorpusException e) {
                throw new ProgramException("[evaluation] too little text to judge the student on as '%s': %s; name some with --evaluate NAME=FILE"
                        .formatted(domain.name(), e.getMessage()), e);
            }
        }
        return evaluations;
    }

    private void tell(PackedTokens packed, PackedSequences sequences, TrainingOptions options) {
        program.err().println(packed.description());
        double epochs = sequences.epochs(options.steps() * options.tokensPerStep());
        if (epochs > 1) {
            program.err().println("the text is seen %.1f times".formatted(epochs));
        }
    }

    private SequencedMap<String, String> fingerprint(Mapping mapping, TrainingOptions options, Corpus text, List<Domain> domains) {
        var print = new LinkedHashMap<String, String>();
        print.put("teacher", mapping.source().toString());
        print.put("mapping", mapping.name());
        print.putAll(OptimizerOptions.inWords(options));
        print.put("objective", settings.objective().toString());
        print.put("trained", trained(mapping).toString());
        print.put("judged", "every %d steps, patience %d".formatted(evaluateEvery(options), settings.patience()));
        print.put("seed", Long.toString(optimizer.seed()));
        if (text != null) {
            print.put("text", text.description());
            print.put("held out of the text", domains.isEmpty() ? "%d tokens at most".formatted(settings.evaluationTokens()) : "none");
        }
        return print;
    }
}
