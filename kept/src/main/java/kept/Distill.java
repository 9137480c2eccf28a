package kept;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.cli.ByteSize;
import kept.cli.ConfigOptions;
import kept.cli.CorpusArgument;
import kept.cli.Demo;
import kept.cli.LoraOptions;
import kept.cli.MappingOptions;
import kept.cli.ModelDirectory;
import kept.cli.OptimizerOptions;
import kept.cli.PlanText;
import kept.cli.Program;
import kept.cli.ProgramException;
import kept.cli.RankOptions;
import kept.cli.Reads;
import kept.cli.ResumeOptions;
import kept.cli.TokenizerOptions;
import kept.cli.VerboseOptions;
import kept.cli.WeightType;
import kept.cli.Writes;
import kept.generation.LossTokens;
import kept.mapping.NamedMapping;
import kept.mapping.UsualMapping;
import kept.model.DecoderConfig;
import kept.recording.RecordedForm;
import kept.report.ReportWriter;
import kept.run.AdapterOutput;
import kept.run.DistillationPlan;
import kept.run.DistillationRun;
import kept.run.MachineMemory;
import kept.run.MappingChoice;
import kept.run.TokenLimit;
import kept.safetensors.CheckpointWriter;
import kept.tensor.Device;
import kept.tensor.TensorException;
import kept.text.Json;
import kept.text.ShellWord;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept distill}: maps a teacher to a Llama and distils what the mapping lost. */
@Command(name = "distill", customSynopsis = {
    "kept distill --teacher=DIR --corpus=FILE... --output=DIR [OPTION...]",
    "       kept distill --teacher=DIR --plan [OPTION...]",
    "       kept distill --demo [OPTION...]"
}, description = {
    "Converts an Orion, OLMo, StarCoder2, StableLM or Nemotron checkpoint into a Llama checkpoint and distils what the mapping lost.",
    "NPM (Normal Parameter Mapping) copies the tensors that both share, --mapping replaces the norms, and XKD (Cross-architecture "
            + "Knowledge Distillation) trains the Llama to predict the frozen teacher's distribution on a text.",
    "The output loads in transformers with trust_remote_code=False and has a report beside the weights.",
    "",
    "  kept distill --demo",
    "  kept distill --teacher orion-14b --corpus text.jsonl --output llama-14b",
    "  kept distill --teacher orion-14b --corpus text.jsonl --student llama-14b \\",
    "      --output llama-14b-more",
    "  kept distill --teacher orion-14b --plan",
    "  kept distill --teacher orion-14b --corpus text.jsonl --record logits",
    "  kept distill --teacher orion-14b --corpus text.jsonl --recorded logits \\",
    "      --output llama-14b",
    "",
    "Ctrl-C saves the training state; --resume continues from it with the same bits.",
    "--print-config prints all options as a file for --config."
})
public final class Distill extends Program {
    private static final long DEFAULT_TOKENS = 1_000_000;

    /** The models to distil: the demo's, or teacher and output. */
    static final class Source {
        @Reads
        @Option(names = "--teacher", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
                description = "The teacher's checkpoint: config.json, weights, tokenizer.")
        private Path teacher;

        @Reads
        @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*", converter = CorpusArgument.Converter.class,
                description = "Training text or conversations: .txt, .md, .jsonl, .json, also as .gz or .zst, .parquet, .zip or folders of these; "
                        + "all of it is drawn from. NAME=WEIGHT:FILE mixes several in shares of the tokens, as in prose=0.7:a.jsonl code=0.3:src.")
        private List<CorpusArgument> corpus;
    }

    /** A real run or the demo. */
    static final class Mode {
        @ArgGroup(exclusive = false, multiplicity = "1")
        private Source source;

        @Option(names = "--demo", required = true,
                description = "Distil the small Orion shipped with this program on the Javadoc of the running JDK,"
                        + " and evaluate it on prose and code.")
        private boolean demo;
    }

    /** The divergence to minimise. */
    enum Loss {
        FORWARD_KL(Divergence.FORWARD_KL),
        REVERSE_KL(Divergence.REVERSE_KL),
        JSD(Divergence.JENSEN_SHANNON);

        private final Divergence divergence;

        Loss(Divergence divergence) {
            this.divergence = divergence;
        }

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Mode mode;

    @Option(names = "--plan", order = 4,
            description = "Only show the memory and time that the run needs, and options that make it fit; reads config.json alone.")
    private boolean plan;

    @Option(names = "--ranks", paramLabel = "N", order = 4,
            description = "With --plan: for so many ranks, each with the memory that this process has (default: those there are).")
    private Integer plannedRanks;

    @Option(names = "--shard", paramLabel = "WHAT", order = 5,
            description = "What lies divided over several ranks: none; optimizer, the gradients and moments; or all, the parameters of teacher and "
                    + "student too, which are gathered layer by layer. The result has the same bits (default: as little as the memory allows).")
    private Sharding sharding;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--output", paramLabel = "DIR", order = 5,
            description = "The Llama checkpoint to write; it appears complete or not at all (the demo's default: kept-demo).")
    private Path output;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--record", paramLabel = "DIR", order = 6,
            description = "Instead of training, record the teacher's logits on the text in DIR, for --recorded.")
    private Path record;

    @Option(names = "--record-top-k", paramLabel = "K", defaultValue = "64", order = 6,
            description = "With --record: for each token of text the K most likely next tokens and the probability of all others "
                    + "(default: ${DEFAULT-VALUE}).")
    private int recordTopK;

    @Option(names = "--record-samples", paramLabel = "N", order = 6,
            description = "With --record: instead, N samples of the teacher's distribution, an unbiased estimate of it, and its entropy.")
    private Integer recordSamples;

    @Reads
    @Option(names = "--recorded", paramLabel = "DIR", order = 6,
            description = "Train from what --record wrote to DIR, without the teacher in memory; its text, seed, lengths and temperature must be the "
                    + "same, and the loss is forward-kl.")
    private Path recorded;

    @Option(names = "--tokens", paramLabel = "N", order = 7, description = "Tokens to distil on (default: 1000000; the demo's: 245760).")
    private Long tokens;

    @Option(names = "--train", paramLabel = "WHICH", defaultValue = "all", order = 8,
            description = "Parameters to train: all, norms, a regular expression for their names, or lora, low-rank adapters of matrices that stay "
                    + "as they are; norms,lora trains both, as opm needs it (default: ${DEFAULT-VALUE}).")
    private String train;

    @Option(names = "--loss", paramLabel = "NAME", defaultValue = "forward-kl", order = 9,
            description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Loss loss;

    @Option(names = "--temperature", paramLabel = "X", defaultValue = "1", order = 10,
            description = "Logits are divided by this before they are compared (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(names = "--cross-entropy-weight", paramLabel = "X", defaultValue = "0", order = 11,
            description = "Share of the true next token's cross-entropy in the loss, 0 to 1 (default: ${DEFAULT-VALUE}).")
    private double crossEntropyWeight;

    @Reads
    @Option(names = "--held-out", paramLabel = "NAME=FILE", order = 12,
            description = "Named held-out text to evaluate the student on; may be given several times "
                    + "(default: a part of the corpus, at most a fiftieth of it, which is then not trained on).")
    private Map<String, Path> evaluate = new LinkedHashMap<>();

    @Option(names = "--evaluation-tokens", paramLabel = "N", defaultValue = "16384", order = 13,
            description = "Evaluation tokens per text (default: ${DEFAULT-VALUE}).")
    private long evaluationTokens;

    @Option(names = "--evaluate-every", paramLabel = "STEPS", order = 13,
            description = "Steps between evaluations on a held-out part of the corpus. The output is the best state, which may be the mapping "
                    + "before training. 0 evaluates at the start and the end only (default: a tenth of all steps, at most 100).")
    private Long evaluateEvery;

    @Option(names = "--patience", paramLabel = "N", defaultValue = "0", order = 13,
            description = "Stop after N evaluations in a row without improvement (default: 0, never).")
    private int patience;

    @Option(names = "--text-field", paramLabel = "NAME", defaultValue = "text", order = 14,
            description = "Field of records, or column of tables, that holds the text or the messages (default: ${DEFAULT-VALUE}; "
                    + "of a record without it messages, else conversations).")
    private String field;

    @Option(names = "--loss-on", paramLabel = "WHICH", defaultValue = "all", order = 14,
            description = "Tokens of conversations to learn: ${COMPLETION-CANDIDATES}. Texts are learnt as a whole (default: ${DEFAULT-VALUE}).")
    private LossTokens lossOn;

    @Option(names = "--dtype", paramLabel = "TYPE", order = 40,
            description = "Type of the stored weights: ${COMPLETION-CANDIDATES} (default: the teacher's, or that of --student).")
    private WeightType dtype;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class, order = 41,
            description = "Largest weight file (default: ${DEFAULT-VALUE}).")
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Mixin
    private ResumeOptions resume;

    @Option(names = "--overwrite", order = 43, description = "Replace an output directory, or the state of an unfinished run, that exists.")
    private boolean overwrite;

    @Reads
    @Option(names = "--student", paramLabel = "DIR", converter = ModelDirectory.class, order = 6,
            description = "Go on from this Llama instead of a mapping: an earlier output, or any Llama with the teacher's vocabulary; layers, widths "
                    + "and heads may differ.")
    private Path student;

    @Mixin
    private MappingOptions mapping;

    @Mixin
    private LoraOptions lora;

    @Mixin
    private TokenizerOptions tokenizer;

    @Mixin
    private OptimizerOptions optimizer;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private RankOptions rankOptions;

    @Mixin
    private ConfigOptions config;

    @Mixin
    private VerboseOptions verbose;

    /** For the command line. */
    public Distill() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Distill(), arguments));
    }

    @Override
    protected boolean writes() {
        return !plan && ranks().rank() == 0;
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    @Override
    protected boolean printsConfig() {
        return config.isPrinted();
    }

    @Override
    protected void checkUsage() {
        if (!mode.demo && !plan && !config.isPrinted()) {
            if (record == null) {
                require("--output=DIR", output);
            }
            require("--corpus=FILE", mode.source.corpus);
        }
        checkRecording();
        try {
            objective();
            selection();
        } catch (IllegalArgumentException | TensorException e) {
            throw wrongUsage(e.getMessage(), e);
        }
        String problem = mode.demo || mode.source.corpus == null ? "" : CorpusArgument.problem(mode.source.corpus);
        if (!problem.isEmpty()) {
            throw wrongUsage(problem);
        }
        mapping.requireUsage();
        if (plannedRanks != null && (!plan || plannedRanks < 1)) {
            throw wrongUsage(plan ? "--ranks must be 1 or more, not " + plannedRanks
                    : "--ranks belongs to --plan; a launcher such as mpirun starts ranks");
        }
    }

    private void checkRecording() {
        if ((record != null || recorded != null) && loss != Loss.FORWARD_KL) {
            throw wrongUsage("recorded logits allow --loss forward-kl only: the other divergences need the teacher's whole distribution");
        }
        if (record != null && sharding != null && sharding != Sharding.NONE) {
            throw wrongUsage("--record needs the whole teacher in each rank: it does not go with --shard " + sharding);
        }
        try {
            form();
        } catch (TensorException e) {
            throw wrongUsage(e.getMessage(), e);
        }
    }

    /** What is kept of each distribution. */
    private RecordedForm form() {
        return recordSamples == null ? RecordedForm.topK(recordTopK) : RecordedForm.samples(recordSamples);
    }

    private void require(String option, Object value) {
        if (value == null) {
            throw wrongUsage("Missing required option: '%s'".formatted(option));
        }
    }

    @Override
    protected int run() {
        Device target = device.open(); // Before the texts are prepared, which takes a while.
        if (!mode.demo) {
            DistillationRun run = settings(mode.source.teacher, tokens == null ? DEFAULT_TOKENS : tokens, null, passes()).device(target);
            if (!plan) {
                CorpusArgument.byName(mode.source.corpus).forEach((first, files) -> {
                    if (first.name().isEmpty()) {
                        run.corpus(text(files, field));
                    } else {
                        run.corpus(first.name(), first.weight(), text(files, field));
                    }
                });
                evaluate.forEach((name, file) -> run.heldOut(name, text(List.of(file), field)));
            }
            distil(run, mode.source.teacher, target);
            return 0;
        }
        try (var demo = Demo.prepare(err())) {
            DistillationRun run = settings(demo.teacher(), tokens == null ? Demo.TOKENS : tokens, Demo.SEQUENCE_LENGTH, Demo.PASSES).device(target);
            run.corpus(demo.trainingText());
            demo.domains().forEach(run::heldOut);
            Demo.MAPPINGS.forEach(run::compare);
            distil(run, demo.teacher(), target);
        }
        return 0;
    }

    /** The passes of a step where the user leaves them open; several ranks share them. */
    private OptimizerOptions.Passes passes() {
        var passes = OptimizerOptions.Passes.of(plannedRanks == null ? ranks().size() : plannedRanks);
        if (ranks().size() > 1 && optimizer.leavesPassesOpen()) {
            err().println("a step has %s, for %d ranks; with these options any number of ranks trains to the same bits".formatted(
                    passes, ranks().size()));
        }
        return passes;
    }

    private void distil(DistillationRun run, Path teacher, Device target) {
        noteExactMapping(teacher);
        if (plan) {
            printPlan(run, teacher, target);
        } else if (record != null) {
            record(run);
        } else if (ranks().rank() > 0) {
            run.follow(progress());
        } else {
            print(run.run(progress(verbose.verbose())));
        }
    }

    /** Where the mapping is left open, tells of one from which there is nothing to learn. */
    private void noteExactMapping(Path teacher) {
        if (mapping.isOpen() && student == null && ranks().rank() == 0
                && UsualMapping.of(DecoderConfig.read(teacher)) == NamedMapping.EXACT) {
            err().println("note: the student starts from opm; --mapping exact gives as plain a Llama that loses rounding only, without training: "
                    + "kept convert writes it");
        }
    }

    private void record(DistillationRun run) {
        if (ranks().rank() > 0) {
            run.followRecording(form(), progress());
            return;
        }
        long begun = System.nanoTime();
        DistillationRun.Recorded made = run.record(form(), progress(verbose.verbose()));
        double seconds = (System.nanoTime() - begun) / 1e9;
        long tokens = made.layout().tokens();
        out().println("recorded: %s of %,d tokens in %.1f s, %.1f bytes a token".formatted(
                made.layout().form(), tokens, seconds, made.bytes() / (double) tokens));
        out().println("next:     the same command with --recorded %s and --output in place of --record".formatted(ShellWord.quoted(made.output())));
    }

    private void printPlan(DistillationRun run, Path teacher, Device target) {
        MachineMemory memory = MachineMemory.of(target, ranks().localSize());
        int shared = plannedRanks == null ? ranks().size() : plannedRanks;
        DistillationPlan found = run.plan(shared, memory);
        report(target);
        MappingChoice choice = start();
        if (choice.isCalibrated()) {
            PlanText.printMeasuring(choice, DecoderConfig.read(teacher), target, out());
            out().println();
        }
        PlanText.printMemory(found, memory, out());
        PlanText.printTime(found, out());
    }

    /** Prints the result; of the demo all stages side by side. */
    private void print(DistillationRun.Result result) {
        if (mode.demo) {
            ReportWriter.print(result.report(), result.seconds(), out());
        } else {
            ReportWriter.print(result.report(), out());
        }
        out().println("Llama checkpoint: " + result.output());
        if (lora.output() == AdapterOutput.ADAPTER) {
            out().println("adapter for PEFT: %s; the checkpoint is its base, without it".formatted(result.output().resolve("adapter")));
        }
        out().println("report:           " + result.output().resolve("report.html"));
        out().println("next:             " + (lora.output() == AdapterOutput.ADAPTER
                ? "in Python, PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(%s), %s)"
                .formatted(Json.write(result.output().toString()), Json.write(result.output().resolve("adapter").toString()))
                : "%s generate --model %s --prompt \"Returns the\"".formatted(program(), ShellWord.quoted(result.output()))));
        // An adapter beside its base is no student to go on from, and a recording has no more tokens.
        boolean goesOn = lora.output() != AdapterOutput.ADAPTER && recorded == null;
        if (goesOn && result.report().isStillImproving() && result.failure().isEmpty()) {
            out().println("more tokens:      " + moreTokens(result.output()));
        }
        result.failure().ifPresent(failure -> {
            throw new ProgramException("%s; %s is the student of that state".formatted(failure, result.output()));
        });
    }

    /** Where the student comes from. */
    private MappingChoice start() {
        return student == null ? mapping.choice() : MappingChoice.student(student);
    }

    /** The command that goes on from an output, with twice the tokens; the demo, whose teacher is not kept, begins again. */
    private String moreTokens(Path made) {
        SequencedMap<String, String> changes = new LinkedHashMap<>();
        long before = tokens == null ? mode.demo ? Demo.TOKENS : DEFAULT_TOKENS : tokens;
        for (String once : List.of("--resume", "--allow-other-bits", "--stop-after")) {
            changes.put(once, null);
        }
        if (mode.demo) {
            changes.put("--overwrite", "");
        } else {
            MappingOptions.NAMES.forEach(name -> changes.put(name, null));
            changes.put("--overwrite", null);
            changes.put("--student", made.toString());
            changes.put("--output", made.resolveSibling(made.getFileName() + "-more").toString());
        }
        changes.put("--tokens", Long.toString(Math.min(2 * before, TokenLimit.MAX)));
        return commandWith(changes);
    }

    private ParameterSelection selection() {
        return lora.of(ParameterSelection.parse(train));
    }

    private DistillationObjective objective() {
        return new DistillationObjective(loss.divergence, temperature, crossEntropyWeight);
    }

    private DistillationRun settings(Path teacher, long count, Integer usualLength, OptimizerOptions.Passes passes) {
        Path target = record != null ? record : output == null ? Path.of("kept-demo") : output;
        DistillationRun run = DistillationRun.of(teacher, target).recorded(recorded).mapping(start()).tokens(count)
                .train(selection()).adapterOutput(lora.output()).objective(objective()).training(optimizer.settings(usualLength, passes))
                .evaluationTokens(evaluationTokens).patience(patience).dtype(dtype == null ? null : dtype.dtype()).maxShardSize(maxShardSize)
                .resume(resume.resume()).overwrite(overwrite).tokenizer(tokenizer.read()).keep(inputs()).ranks(plan ? ranks() : ranks(device.open()))
                .sharding(sharding).lossTokens(lossOn).command(recipe());
        return evaluateEvery == null ? run : run.evaluateEvery(evaluateEvery);
    }
}
