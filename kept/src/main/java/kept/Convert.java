package kept;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.checkpoint.CheckpointWriter;
import kept.checkpoint.OutputDirectory;
import kept.mapping.Conversion;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code kept convert}: maps an Orion checkpoint to a Llama checkpoint without training. */
@Command(name = "convert", description = {
    "Maps an Orion checkpoint to a Llama checkpoint without training.",
    "NPM copies what both architectures share, OPM makes each RMSNorm from its LayerNorm.",
    "The result loads in transformers with trust_remote_code=False. To recover what the mapping loses, use distill."
})
public final class Convert extends Program {
    @Option(names = "--source", paramLabel = "DIR", required = true, description = "The Orion checkpoint: config.json, weights, tokenizer.")
    private Path source;

    @Option(names = "--output", paramLabel = "DIR", required = true, description = "The Llama checkpoint to make; appears whole or not at all.")
    private Path output;

    @Option(names = "--mapping", paramLabel = "NAME", defaultValue = "opm", description = "How to map: opm (default).")
    private String mapping;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "Store as ${COMPLETION-CANDIDATES} (default: as the source).")
    private WeightType dtype;

    @Option(names = "--max-shard-size", paramLabel = "BYTES", defaultValue = "5GB", converter = ByteSize.class,
            description = "Largest weight file, such as 500MB or 5GB (default: ${DEFAULT-VALUE}).")
    private long largestShard = CheckpointWriter.DEFAULT_SHARD_BYTES;

    @Option(names = "--overwrite", description = "Replace an output directory that exists.")
    private boolean overwrite;

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
    int run() {
        DecoderConfig config = DecoderConfig.read(source);
        Mapping table = Mapping.named(mapping, config);
        table.requireComplete();
        DType target = dtype == null ? null : dtype.dtype();
        try (var checkpoint = Checkpoint.open(source);
                var directory = OutputDirectory.prepare(output, overwrite, source)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            Conversion.write(table, checkpoint, directory.directory(), target, largestShard, row -> {});
            LlamaDirectory.writeCompanions(table.target(), target, source, directory.directory());
            directory.commit();
            out().println("weights: " + checkpoint.description());
        }
        out().println("%d tensors mapped (%s), %d dropped".formatted(table.rows().size(), table.name(), table.dropped().size()));
        out().println(output);
        return 0;
    }
}
