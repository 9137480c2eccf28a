package kept;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import kept.cli.ByteSize;
import kept.cli.ModelDirectory;
import kept.cli.OptimizerOptions;
import kept.cli.Program;
import kept.cli.Reads;
import kept.cli.ResumeOptions;
import kept.cli.SourceSizes;
import kept.cli.WeightType;
import kept.cli.Writes;
import kept.corpus.Corpus;
import kept.demo.JdkSources;
import kept.model.DecoderConfig;
import kept.run.PretrainingRun;
import kept.run.RandomCheckpoint;
import kept.run.WeightFormat;
import kept.safetensors.CheckpointWriter;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/** {@code kept pretrain}: trains a source of mappings from scratch: an Orion, or a model of another family. */
@Command(name = "pretrain", customSynopsis = {
    "kept pretrain (--corpus=FILE... | --jdk-sources | --random) --output=DIR",
    "                     [OPTION...]"
}, description = {
    "Trains an Orion, or a model of another family, from scratch: a small teacher to try the other programs with.",
    "Weight decay is Orion-14B's. Several corpora have equal shares. At the end the perplexity of held-out text is printed.",
    "",
    "With --random it writes random weights without training, tensor by tensor, so that even a 14B model needs little memory:",
    "  kept pretrain --random --config orion-14b --output random-14b"
})
public final class Pretrain extends Program {
    /** The options that mean something where nothing is trained. */
    private static final Set<String> WITH_RANDOM = Set.of("--random", "--tokenizer", "--output", "--architecture", "--config", "--vocab-size",
            "--hidden-size", "--layers", "--heads", "--intermediate-size", "--positions", "--dtype", "--format", "--max-shard-size", "--overwrite",
            "--seed", "--device", "--threads", "--debug");

    /** The origin of the text. */
    static final class Text {
        @Reads
        @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*",
                description = "Text: .txt, .md, .jsonl, .json, also as .gz or .zst, .parquet, .zip or folders of these.")
        private List<Path> files;

        @Option(names = "--jdk-sources", description = "The running JDK's own source archive: prose of its Javadoc and code, in equal shares.")
        private boolean jdkSources;

        @Option(names = "--random", description = "No text: write random weights.")
        private boolean random;
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Text text;

    @Reads
    @Option(names = "--tokenizer", paramLabel = "DIR", converter = ModelDirectory.class, order = 2,
            description = "A directory with tokenizer.model or tokenizer.json; optional with --random.")
    private Path tokenizerDirectory;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--output", paramLabel = "DIR", required = true, order = 3, description = "The checkpoint to write.")
    private Path output;

    @Mixin
    private SourceSizes sizes;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "1000000", order = 10,
            description = "Tokens to train on (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--text-field", paramLabel = "NAME", defaultValue = "text", order = 11,
            description = "Field of records, or column of tables, that holds the text (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "bf16", order = 12,
            description = "Type of the stored weights: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private WeightType dtype;

    @Option(names = "--format", paramLabel = "NAME", defaultValue = "safetensors", order = 12,
            description = "Format of the weight files: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private WeightFormat format;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class, order = 12,
            description = "Largest weight file (default: ${DEFAULT-VALUE}).")
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Option(names = "--snapshot-every", paramLabel = "STEPS", defaultValue = "0", order = 13,
            description = "Also write a checkpoint OUTPUT.step-N every so many steps (default: none).")
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
    protected int run() {
        if (text.random) {
            writeRandom();
            out().println(output);
            return 0;
        }
        PretrainingRun run = PretrainingRun.of(sizes::resolve, tokenizerDirectory, output).corpora(corpora()).holdOutDocuments(text.jdkSources)
                .tokens(tokens).training(optimizer.settings(null, OptimizerOptions.Passes.of(1)))
                .dtype(dtype.dtype()).format(format, maxShardSize).snapshotEvery(snapshotEvery)
                .resume(resume.resume()).overwrite(overwrite).device(device.open()).command(commandLine()).keep(inputs());
        run.run(progress()).perplexities().forEach((name, perplexity) ->
                out().println("held-out perplexity %.2f on %s".formatted(perplexity, name)));
        out().println(output);
        return 0;
    }

    @Override
    protected void checkUsage() {
        if (!text.random && tokenizerDirectory == null) {
            throw wrongUsage("Missing required option: '--tokenizer=DIR'");
        }
        if (!text.random) {
            return;
        }
        for (OptionSpec option : spec().commandLine().getParseResult().matchedOptions()) {
            if (!WITH_RANDOM.contains(option.longestName())) {
                throw wrongUsage(option.longestName() + " does not go with --random, which trains nothing");
            }
        }
        if (tokenizerDirectory == null && !sizes.tellVocabulary()) {
            throw wrongUsage("--random needs --config, --vocab-size or --tokenizer, to know the vocabulary's size");
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
        var checkpoint = new RandomCheckpoint(config.toBuilder().dtype(dtype.dtype()).build(), format, maxShardSize, commandLine());
        out().println(checkpoint.write(output, overwrite, optimizer.seed(), tokenizerDirectory, progress(), inputs()));
    }

    private List<Corpus> corpora() {
        if (text.files != null) {
            return text.files.stream().map(file -> Corpus.of(List.of(file), field)).toList();
        }
        JdkSources sources = JdkSources.find();
        return List.of(sources.prose(), sources.code());
    }
}
