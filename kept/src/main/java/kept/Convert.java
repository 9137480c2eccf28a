package kept;

import java.nio.file.Path;
import java.util.List;
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
import kept.model.DecoderConfig;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.run.ConversionRun;
import kept.run.MappingChoice;
import kept.safetensors.CheckpointWriter;
import kept.text.Counts;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept convert}: maps a checkpoint with LayerNorms to a Llama checkpoint without training. */
@Command(name = "convert", description = {
    "Maps an Orion, OLMo, StarCoder2, StableLM or Nemotron checkpoint to a Llama checkpoint without training.",
    "NPM (Normal Parameter Mapping) copies the tensors that both architectures share. --mapping chooses how the norms are replaced:",
    "opm initialises each RMSNorm from its LayerNorm and drops the bias; distill recovers most of the loss.",
    "exact adds biases and one layer, for OLMo neither, and keeps the function up to rounding.",
    "calibrated changes no shapes; the projections after each norm are corrected by least squares on a text (--calibration).",
    "The result loads in transformers with trust_remote_code=False.",
    "Tensors are converted one by one, so memory does not grow with the model. Ctrl-C keeps the finished weight files; --resume continues from",
    "there, also after a kill, and the output has the same bytes."
})
public final class Convert extends Program {
    /** Shown where the user has left the mapping open; the figures are those of docs/fidelity.md. */
    private static final List<String> LOSS_OF_OPM = List.of(
            "note: opm, the default mapping, drops the biases of the norms: KL 0.1 to 0.6 on small teachers, most of which distill recovers",
            "note: --mapping exact (biases, one more layer) loses only rounding; calibrated (a plain Llama, measures on text) 1/500 of opm's loss");

    /** Of a source whose norms have no biases. */
    private static final List<String> LOSS_WITHOUT_CENTRING = List.of(
            "note: opm, the default mapping, loses the means that the norms subtract; --mapping exact, as plain a Llama, loses only rounding");

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
        MappingChoice choice = mapping.choice();
        if (plan) {
            DecoderConfig config = DecoderConfig.read(source);
            Mapping.named(choice.name(), config).requireComplete();
            PlanText.printMeasuring(choice, config, device.open(), out());
            noteOpenMapping(config);
            return 0;
        }
        ConversionRun run = ConversionRun.of(source, output).mapping(choice).dtype(dtype == null ? null : dtype.dtype())
                .maxShardSize(maxShardSize).verify(verify).resume(resume.resume()).overwrite(overwrite).tokenizer(tokenizer.read())
                .device(device.open()).keep(inputs()).ranks(ranks()).command(recipe());
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

    private void print(ConversionRun.Result result) {
        Mapping table = result.mapping();
        if (result.verifiedBytes() > 0) {
            out().println("verified: %s, %s, all as the mapping computes them from the source".formatted(
                    Counts.of(table.rows().size(), "tensor"), Counts.of(result.verifiedBytes(), "byte")));
        }
        out().println("source: " + result.source());
        out().println("output: %s; %s mapped (%s), %d dropped".formatted(
                result.output(), Counts.of(table.rows().size(), "tensor"), table.name(), table.dropped().size()));
        boolean isSilu = table.target().activation() == Activation.SILU;
        if (isSilu && table.target().layers() > table.source().layers()) {
            out().println("%d layers, one more than the source, attention_bias and mlp_bias true: transformers, vLLM and llama.cpp honour both, "
                    .formatted(table.target().layers()) + "an SGLang version that we read ignores mlp_bias");
        }
        if (!isSilu) {
            out().println("%s: transformers honours hidden_act, vLLM with --model-impl transformers; llama.cpp's graph of a Llama and "
                    .formatted(TargetDescription.of(table)) + "vLLM's and SGLang's own have SiLU alone, so kept export refuses it");
        }
        if (table.target().ropeScaling() instanceof RopeScaling.LongRope && !(table.source().ropeScaling() instanceof RopeScaling.LongRope)) {
            out().println("rope_scaling longrope stops the frequencies of the features that the source does not rotate: transformers honours it"
                    + (isSilu ? ", and kept export writes the factors as llama.cpp's rope_freqs" : ""));
        }
        out().println(output);
        noteOpenMapping(table.source());
    }

    /** At the end: a failure is one line. */
    private void noteOpenMapping(DecoderConfig config) {
        if (mapping.isOpen()) {
            (config.architecture().norm().hasBias() ? LOSS_OF_OPM : LOSS_WITHOUT_CENTRING).forEach(err()::println);
        }
    }
}
