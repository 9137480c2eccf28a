package kept;

import java.nio.file.Path;
import kept.cli.ByteSize;
import kept.cli.MappingOptions;
import kept.cli.ModelDirectory;
import kept.cli.PlanText;
import kept.cli.Program;
import kept.cli.RankOptions;
import kept.cli.Reads;
import kept.cli.ResumeOptions;
import kept.cli.TokenizerOptions;
import kept.cli.VerboseOptions;
import kept.cli.WeightType;
import kept.cli.Writes;
import kept.mapping.Mapping;
import kept.mapping.TargetDescription;
import kept.mapping.UsualMapping;
import kept.model.DecoderConfig;
import kept.run.ConversionRun;
import kept.run.MappingChoice;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.text.Counts;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept convert}: maps a checkpoint with LayerNorms to a Llama checkpoint without training. */
@Command(name = "convert", customSynopsis = {
    "kept convert --model=DIR --output=DIR [OPTION...]",
    "       kept convert --model=DIR --plan [OPTION...]"
}, description = {
    "Maps an Orion, OLMo, StarCoder2, StableLM or Nemotron checkpoint to a Llama checkpoint without training.",
    "NPM (Normal Parameter Mapping) copies the tensors that both architectures share. --mapping chooses how the norms are replaced:",
    "opm initialises each RMSNorm from its LayerNorm and drops the bias; distill recovers most of the loss.",
    "exact adds biases and one layer, for OLMo neither, and keeps the function up to rounding.",
    "calibrated changes no shapes; the projections after each norm are corrected by least squares on a text (--calibration).",
    "The result loads in transformers with trust_remote_code=False.",
    "Tensors are converted one by one, so memory does not grow with the model. Ctrl-C keeps the finished weight files; --resume "
            + "continues from there, also after a kill, and the output has the same bytes."
})
public final class Convert extends Program {
    @Reads
    @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "The checkpoint to map: config.json, weights, tokenizer.")
    private Path source;

    @Option(names = "--plan", description = "Only show the time, memory and disk that the mapping needs; reads config.json alone.")
    private boolean plan;

    @Writes(Writes.Kind.DIRECTORY)
    @Option(names = "--output", paramLabel = "DIR", description = "The Llama checkpoint to write; it appears complete or not at all.")
    private Path output;

    @Mixin
    private MappingOptions mapping;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "Type of the stored weights: ${COMPLETION-CANDIDATES} (default: the source's).")
    private WeightType dtype;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class,
            description = "Largest weight file, such as 500MB or 5GB (default: ${DEFAULT-VALUE}).")
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Option(names = "--verify", description = "Read the output back and compare every tensor with its source, byte by byte.")
    private boolean verify;

    @Mixin
    private ResumeOptions resume;

    @Option(names = "--overwrite", description = "Replace an output directory, or an unfinished conversion, that exists.")
    private boolean overwrite;

    @Mixin
    private TokenizerOptions tokenizer;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private RankOptions rankOptions;

    @Mixin
    private VerboseOptions verbose;

    /** For the command line. */
    public Convert() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Convert(), arguments));
    }

    @Override
    protected boolean writes() {
        return !plan;
    }

    @Override
    protected void checkUsage() {
        if (output == null && !plan) {
            throw wrongUsage("Missing required option: '--output=DIR'");
        }
        mapping.requireUsage();
        if (!plan) {
            mapping.requireText();
        }
    }

    @Override
    protected int run() {
        if (plan) {
            printPlan();
            return 0;
        }
        ConversionRun run = ConversionRun.of(source, output).dtype(storedType())
                .maxShardSize(maxShardSize).verify(verify).resume(resume.resume()).overwrite(overwrite).tokenizer(tokenizer.read())
                .device(device.open()).keep(inputs()).ranks(ranks()).command(recipe());
        if (!mapping.isOpen()) {
            run.mapping(mapping.choice());
        }
        if (ranks().rank() > 0) {
            run.follow();
        } else {
            print(run.run(progress(verbose.verbose())));
        }
        return 0;
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    private DType storedType() {
        return dtype == null ? null : dtype.dtype();
    }

    private void printPlan() {
        DecoderConfig config = DecoderConfig.read(source);
        MappingChoice choice = mapping.isOpen() ? MappingChoice.usual(config) : mapping.choice();
        Mapping table = Mapping.named(choice.name(), config);
        table.requireComplete();
        if (choice.isCalibrated()) {
            PlanText.printMeasuring(choice, config, device.open(), out());
        }
        PlanText.printConversion(table, storedType(), out());
        if (mapping.isOpen()) {
            UsualMapping.notes(config).forEach(err()::println);
        }
    }

    private void print(ConversionRun.Result result) {
        Mapping table = result.mapping();
        if (result.verifiedBytes() > 0) {
            out().println("verified: %s, %s, all as the mapping computes them from the source".formatted(
                    Counts.of(table.rows().size(), "tensor"), Counts.of(result.verifiedBytes(), "byte")));
        }
        out().println("source: " + result.source());
        out().println("output: %s; %s mapped (%s), %d dropped".formatted(
                result.output(), Counts.of(table.rows().size(), "tensor"), table.name(), table.dropped().size()));
        out().println("form: " + TargetDescription.of(table));
        out().println("engines: " + TargetDescription.engines(table.target()));
        out().println(output);
    }
}
