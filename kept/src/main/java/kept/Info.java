package kept;

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.checkpoint.TensorEntry;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.nn.RopeScaling;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code kept info}: what a checkpoint directory holds. */
@Command(name = "info", description = "Tells what a checkpoint directory holds, and whether its weights are what its config.json says.")
public final class Info extends Program {
    @Parameters(paramLabel = "DIR", description = "An Orion or Llama checkpoint.")
    private Path directory;

    /** For the command line. */
    public Info() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Info(), arguments));
    }

    @Override
    int run() {
        DecoderConfig config = DecoderConfig.read(directory);
        out().println("architecture      %s".formatted(config.architecture().className()));
        out().println("layers            %d".formatted(config.layers()));
        out().println("hidden size       %d".formatted(config.hiddenSize()));
        out().println("intermediate size %d".formatted(config.intermediateSize()));
        out().println("heads             %d of dimension %d, %d for keys and values"
                .formatted(config.heads(), config.headDimension(), config.keyValueHeads()));
        out().println("vocabulary        %d".formatted(config.vocabSize()));
        out().println("positions         %d, rope theta %s, %s".formatted(config.maxPositions(), plain(config.ropeTheta()),
                config.ropeScaling() instanceof RopeScaling.None ? "not scaled" : "scaled: " + config.ropeScaling()));
        out().println("norm epsilon      %s".formatted(plain(config.normEps())));
        try (var checkpoint = Checkpoint.open(directory)) {
            describe(checkpoint);
            CheckpointWeights.requireTensors(checkpoint, config);
        }
        out().println("tokenizer         " + tokenizer());
        return 0;
    }

    private static String plain(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }

    private void describe(Checkpoint checkpoint) {
        long parameters = 0;
        long bytes = 0;
        Map<String, Long> types = new TreeMap<>();
        for (String name : checkpoint.names()) {
            TensorEntry entry = checkpoint.entry(name);
            parameters += entry.shape().elementCount();
            bytes += entry.byteSize();
            types.merge(entry.dtype().label(), 1L, Long::sum);
        }
        out().println("weights           " + checkpoint.description());
        out().println("parameters        %,d in %d tensors, %,d bytes (%s)".formatted(parameters, checkpoint.names().size(), bytes,
                types.entrySet().stream().map(type -> type.getValue() + " " + type.getKey()).collect(Collectors.joining(", "))));
    }

    private String tokenizer() {
        if (!Files.exists(directory.resolve(Tokenizer.SENTENCEPIECE_FILE)) && !Files.exists(directory.resolve(Tokenizer.JSON_FILE))) {
            return "none";
        }
        try (Tokenizer tokenizer = Tokenizer.load(directory)) {
            return tokenizer.description();
        }
    }
}
