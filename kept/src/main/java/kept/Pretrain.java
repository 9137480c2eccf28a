package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import kept.corpus.Corpus;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TokenSequences;
import kept.demo.JdkSources;
import kept.evaluation.TextEvaluation;
import kept.io.AtomicFiles;
import kept.io.OutputDirectory;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.safetensors.CheckpointWriter;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tokenizer.Tokenizer;
import kept.training.LanguageModelling;
import kept.training.RunInputs;
import kept.training.StepMetrics;
import kept.training.Trainer;
import kept.training.TrainingOptions;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code kept pretrain}: trains an Orion from scratch. */
@Command(name = "pretrain", description = {
    "Trains an Orion from scratch: a small teacher to try the other programs on.",
    "Its weights decay as Orion-14B's did. Several corpora have equal shares. At the end it tells the perplexity of held-out text.",
    "",
    "With --random it trains nothing and writes random weights, tensor by tensor, so that even those of a 14B model need little memory:",
    "  kept pretrain --random --config orion-14b --output random-14b"
})
public final class Pretrain extends Program {
    private static final OptimizerOptions.Defaults DEFAULTS = new OptimizerOptions.Defaults(512, 1e-3, 0.1);
    private static final int HELD_OUT_TOKENS = 32_768;
    /** The options that mean something where nothing is trained. */
    private static final Set<String> WITH_RANDOM = Set.of("--random", "--tokenizer", "--output", "--config", "--vocab-size", "--hidden-size",
            "--layers", "--heads", "--intermediate-size", "--positions", "--dtype", "--format", "--max-shard-size", "--overwrite", "--seed",
            "--device", "--threads", "--debug");

    /** Where the text comes from. */
    static final class Text {
        @Reads
        @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*", description = "Text: .txt, .jsonl, .gz or .zip of these, or folders.")
        private List<Path> files;

        @Option(names = "--jdk-sources", description = "The running JDK's own source archive: prose of its Javadoc and code, in equal shares.")
        private boolean jdkSources;

        @Option(names = "--random", description = "None: write random weights.")
        private boolean random;
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Text text;

    @Reads
    @Option(names = "--tokenizer", paramLabel = "DIR", order = 2,
            description = "A directory with tokenizer.model or tokenizer.json; may be left out with --random.")
    private Path tokenizerDirectory;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--output", paramLabel = "DIR", required = true, order = 3, description = "The Orion checkpoint to make.")
    private Path output;

    @Mixin
    private OrionSizes sizes;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "1000000", order = 10,
            description = "Tokens to train on (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--field", paramLabel = "NAME", defaultValue = "text", order = 11,
            description = "Field of .jsonl lines (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "bf16", order = 12,
            description = "Store weights as ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private WeightType dtype;

    @Option(names = "--format", paramLabel = "NAME", defaultValue = "safetensors", order = 12,
            description = "Files of the weights: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private WeightFormat format;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class, order = 12,
            description = "Largest weight file (default: ${DEFAULT-VALUE}).")
    private long largestShard = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Option(names = "--snapshot-every", paramLabel = "STEPS", defaultValue = "0", order = 13,
            description = "Write a checkpoint OUTPUT.step-N after every so many steps too, to see what training does (default: none).")
    private long snapshotEvery;

    @Mixin
    private ResumeOptions resume;

    @Option(names = "--overwrite", order = 14, description = "Replace an output directory, or the state of an unfinished run, that exists.")
    private boolean overwrite;

    @Mixin
    private OptimizerOptions optimizer;

    @Mixin
    private DeviceOptions device;

    /** For the command line. */
    public Pretrain() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Pretrain(), arguments));
    }

    @Override
    int run() {
        if (text.random) {
            writeRandom();
            out().println(output);
            return 0;
        }
        try (var directory = OutputDirectory.prepare(output, overwrite || resume.isWanted(), inputs());
                Tokenizer tokenizer = Tokenizer.load(tokenizerDirectory)) {
            DecoderConfig config = sizes.resolve(tokenizer);
            tokenizer.requireVocabulary(config.vocabSize());
            TrainingOptions options = optimizer.training(tokens, DEFAULTS, config.maxPositions());
            var snapshots = new Snapshots(output, snapshotEvery, options.steps(), overwrite || resume.isWanted(), inputs());
            Device target = device.open();
            var settings = new LinkedHashMap<String, String>();
            settings.put("config", config.toString());
            settings.putAll(OptimizerOptions.inWords(options));
            settings.put("seed", Long.toString(optimizer.seed()));
            var start = new RandomWeights(config, optimizer.seed(), optimizer.trainingType());
            try (var run = new TrainingRun(this, output, resume, true, overwrite);
                    Decoder model = create(run, config, start, options, snapshots, target)) {
                List<String> found = train(run, model, start, tokenizer, options, directory, settings, snapshots);
                directory.commit();
                run.discard();
                found.forEach(out()::println);
            }
        }
        out().println(output);
        return 0;
    }

    /** Makes the model, once it is known that there is room on disk for what training leaves there. */
    private Decoder create(TrainingRun run, DecoderConfig config, Weights start, TrainingOptions options, Snapshots snapshots, Device target) {
        List<ModelTensor> tensors = ModelTensor.of(config);
        long result = TrainingDisk.bytes(tensors, dtype.dtype());
        run.requireRoom(new TrainingDisk(TrainingDisk.stateBytes(tensors, optimizer.trainingType(), optimizer.codedMoments()), 0, result,
                snapshots.count() * result, resume.isWanted() || optimizer.isSavedAgain(options.steps())));
        return Decoder.create(config, start, target);
    }

    @Override
    void checkUsage() {
        if (!text.random && tokenizerDirectory == null) {
            throw new ParameterException(spec().commandLine(), "Missing required option: '--tokenizer=DIR'");
        }
        if (!text.random) {
            return;
        }
        for (OptionSpec option : spec().commandLine().getParseResult().matchedOptions()) {
            if (!WITH_RANDOM.contains(option.longestName())) {
                throw new ParameterException(spec().commandLine(), option.longestName() + " does not go with --random, which trains nothing");
            }
        }
        if (tokenizerDirectory == null && !sizes.tellVocabulary()) {
            throw new ParameterException(spec().commandLine(), "--random needs --config, --vocab-size or --tokenizer, to know the vocabulary's size");
        }
    }

    private void writeRandom() {
        DecoderConfig config;
        if (tokenizerDirectory == null) {
            config = sizes.resolve(null);
        } else {
            try (Tokenizer tokenizer = Tokenizer.load(tokenizerDirectory)) {
                config = sizes.resolve(tokenizer);
                tokenizer.requireVocabulary(config.vocabSize());
            }
        }
        device.open();
        new RandomCheckpoint(this, config.toBuilder().dtype(dtype.dtype()).build(), format, largestShard)
                .write(output, overwrite, optimizer.seed(), tokenizerDirectory, inputs());
    }

    /** Trains and writes, and tells what is to be printed when all is in place. */
    private List<String> train(TrainingRun run, Decoder model, Weights start, Tokenizer tokenizer, TrainingOptions options,
            OutputDirectory directory, SequencedMap<String, String> settings, Snapshots snapshots) {
        List<PackedTokens> packed = new ArrayList<>();
        try {
            List<PackedSequences> sources = new ArrayList<>();
            int length = options.sequenceLength();
            List<Corpus> corpora = corpora();
            List<TextEvaluation> heldOut = new ArrayList<>();
            var inputs = new RunInputs();
            SequencedMap<String, String> provenance = new LinkedHashMap<>(settings);
            for (Corpus corpus : corpora) {
                long share = options.steps() * options.tokensPerStep() / corpora.size() + length + 1;
                PackedTokens text = this.text.jdkSources
                        ? PackedTokens.of(corpus.training(HeldOut.FRACTION), tokenizer, share)
                        : PackedTokens.of(corpus, tokenizer, share + HELD_OUT_TOKENS + length);
                packed.add(text);
                long beginning = this.text.jdkSources ? 0 : HeldOut.beginning(text, length, HELD_OUT_TOKENS);
                sources.add(new PackedSequences(text, beginning, length, 1, optimizer.seed()));
                if (this.text.jdkSources) {
                    HeldOut.of(corpus.description(), corpus, tokenizer, length, HELD_OUT_TOKENS).ifPresent(heldOut::add);
                } else {
                    heldOut.add(TextEvaluation.of(corpus.description(), text, length, beginning));
                }
                inputs.addCorpus(packed.size(), text);
                provenance.put("text " + packed.size(), text.description());
            }
            settings.putAll(inputs.inWords());
            run.require(settings, model.device());
            tell(model.device());
            for (int i = 0; i < packed.size(); i++) {
                run.tellText("text " + (i + 1), packed.get(i).coverage());
            }
            optimizer.remarkDigits(dtype.dtype(), err());
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            model.setActivationCheckpointing(optimizer.checkpointActivations());
            TrainingRun.Outcome outcome;
            try (var trainer = new Trainer(model, new LanguageModelling(), TokenSequences.alternating(sources), options)) {
                outcome = run.train("pretrain", new TrainingRun.Training(trainer, options.steps(), Judging.NONE, step -> {
                    if (step.step() == step.steps()) {
                        heldOut.forEach(evaluation -> evaluation.requireFinite(model));
                    }
                    snapshots.writeAfter(step.step(), snapshot -> writeSnapshot(model, step, snapshot, provenance));
                }, () -> assign(model, start)), optimizer);
            }
            outcome.requireFinite();
            return write(model, heldOut, outcome.steps(), directory.directory(), provenance);
        } finally {
            packed.forEach(PackedTokens::close);
        }
    }

    private static void assign(Decoder model, Weights values) {
        model.parameters().forEach((name, parameter) -> {
            try (var _ = Scope.open(model.device())) {
                parameter.value().assign(values.get(name, parameter.value().shape()));
            }
        });
    }

    private List<String> write(Decoder model, List<TextEvaluation> heldOut, List<StepMetrics> steps, Path directory, Map<String, String> settings) {
        writeModel(model, directory);
        Map<String, Object> provenance = provenance(steps.getLast(), settings);
        provenance.put("final_training_loss",
                steps.stream().skip(Math.max(0, steps.size() - 20)).mapToDouble(StepMetrics::loss).average().orElseThrow());
        Map<String, Object> perplexities = new LinkedHashMap<>();
        List<String> lines = new ArrayList<>();
        for (TextEvaluation evaluation : heldOut) {
            double perplexity = evaluation.perplexity(model);
            perplexities.put(evaluation.name(), perplexity);
            lines.add("held-out perplexity %.2f on %s".formatted(perplexity, evaluation.name()));
        }
        provenance.put("held_out_perplexity", perplexities);
        AtomicFiles.writeJson(directory.resolve("provenance.json"), provenance);
        return lines;
    }

    private void writeSnapshot(Decoder model, StepMetrics step, Path directory, Map<String, String> settings) {
        writeModel(model, directory);
        Map<String, Object> provenance = provenance(step, settings);
        provenance.put("step", step.step());
        provenance.put("training_loss", step.loss());
        AtomicFiles.writeJson(directory.resolve("provenance.json"), provenance);
    }

    private void writeModel(Decoder model, Path directory) {
        ModelWriter.write(model, dtype.dtype(), directory, format, largestShard);
        model.config().toBuilder().dtype(dtype.dtype()).build().write(directory);
        TokenizerCopy.write(tokenizerDirectory, directory);
    }

    private Map<String, Object> provenance(StepMetrics last, Map<String, String> settings) {
        Map<String, Object> provenance = new LinkedHashMap<>();
        provenance.put("command", commandLine());
        provenance.put("settings", settings);
        provenance.put("tokens", last.tokens());
        return provenance;
    }

    private List<Corpus> corpora() {
        if (text.files != null) {
            return text.files.stream().map(file -> Corpus.of(List.of(file), field)).toList();
        }
        JdkSources sources = JdkSources.find();
        return List.of(sources.prose(), sources.code());
    }
}
