package kept;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import kept.checkpoint.Checkpoint;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.Reads;
import kept.mapping.Mapping;
import kept.mapping.NamedMapping;
import kept.mapping.TargetDescription;
import kept.mapping.UsualMapping;
import kept.model.CheckpointWeights;
import kept.model.ConfigNotes;
import kept.model.DecoderConfig;
import kept.run.Notes;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.TensorException;
import kept.text.Counts;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerFiles;
import kept.weights.TensorEntry;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code kept info}: what a checkpoint directory holds. */
@Command(name = "info", description = {
    "Shows what a checkpoint directory holds, and checks that its weights fit its config.json.",
    "With --devices it lists the devices to compute on, with the reason if one cannot be used."})
public final class Info extends Program {
    @ArgGroup(multiplicity = "1")
    private Subject subject;

    @Option(names = "--check-values", description = "Also read all weights and look for NaN and infinities.")
    private boolean checkValues;

    /** A checkpoint or the devices. */
    private static final class Subject {
        @Reads
        @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
                description = "A Llama, or a checkpoint that convert maps to one.")
        private Path directory;

        /** The checkpoint as it was given formerly. */
        @Reads
        @Parameters(paramLabel = "DIR", converter = ModelDirectory.class, hidden = true)
        private Path parameter;

        @Option(names = "--devices", required = true, description = "List the devices that --device accepts on this machine.")
        private boolean devices;
    }

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
    protected int run() {
        if (subject.devices) {
            listDevices();
        } else {
            describe(subject.directory == null ? subject.parameter : subject.directory);
        }
        return 0;
    }

    private void listDevices() {
        for (String name : Device.names()) {
            try {
                out().println(Device.of(name).backend().description());
            } catch (DeviceException e) {
                out().println("%s: cannot be used: %s".formatted(name, reason(name, e)));
            }
        }
    }

    private void describe(Path directory) {
        DecoderConfig config = DecoderConfig.read(directory);
        out().println("architecture      %s".formatted(config.architecture().className()));
        out().println("layers            %d".formatted(config.layers()));
        out().println("hidden size       %d".formatted(config.hiddenSize()));
        out().println("intermediate size %d".formatted(config.intermediateSize()));
        out().println("heads             %d of dimension %d, %d for keys and values"
                .formatted(config.heads(), config.headDimension(), config.keyValueHeads()));
        out().println("vocabulary        %d".formatted(config.vocabSize()));
        out().println("positions         %d%s, rope theta %s, %s".formatted(config.maxPositions(),
                ConfigNotes.window(directory).isPresent() ? " (sliding_window)" : "", plain(config.ropeTheta()), config.ropeScalingInWords()));
        out().println("rotated features  %s".formatted(config.rotaryDimension() == config.headDimension() ? "all of a head"
                : "%d of a head's %d".formatted(config.rotaryDimension(), config.headDimension())));
        out().println("norm epsilon      %s".formatted(plain(config.normEps())));
        out().println("MLP               %s%s".formatted(config.activationName(), config.architecture().isGated() ? "" : ", without a gate"));
        out().println("biases            %s".formatted(biases(config)));
        out().println("head              %s".formatted(config.tieWordEmbeddings() ? "tied to the embedding" : "of its own"));
        try {
            describeFiles(directory, config);
        } finally {
            // The mappings need config.json alone, so they are shown for a model without weights or with wrong ones too.
            if (config.architecture().isSource()) {
                printMappings(config);
            }
        }
    }

    private void describeFiles(Path directory, DecoderConfig config) {
        try (var checkpoint = Checkpoint.open(directory)) {
            describe(checkpoint);
            CheckpointWeights.requireTensors(checkpoint, config);
            if (checkValues) {
                checkValues(checkpoint);
            }
            Notes.report(progress(), directory, checkpoint);
        }
        out().println("tokenizer         " + tokenizer(directory));
    }

    /** What each mapping makes of the model and loses, or why it cannot. */
    private void printMappings(DecoderConfig config) {
        for (NamedMapping mapping : UsualMapping.CHOICES) {
            String name = "--mapping %s".formatted(mapping);
            try {
                Mapping table = mapping.table(config);
                out().println("%s%s: %s".formatted(name, mapping == UsualMapping.of(config) ? " (default)" : "", TargetDescription.of(table)));
                out().println("                  loses %s".formatted(mapping.loss(config)));
                out().println("                  engines: %s".formatted(TargetDescription.engines(table.target())));
            } catch (TensorException e) {
                out().println("%s: not for this model: %s".formatted(name, e.reason()));
            }
        }
    }

    /** The projections with biases. */
    private static String biases(DecoderConfig config) {
        List<String> places = new ArrayList<>();
        if (config.attentionBias()) {
            places.add(config.attentionOutputBias() ? "q, k, v, o" : "q, k, v");
        }
        if (config.mlpBias()) {
            places.add("MLP");
        }
        if (config.architecture().norm().hasBias()) {
            places.add("norms");
        }
        return places.isEmpty() ? "none" : String.join(", ", places);
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
        out().println("parameters        %,d in %s, %s (%s)".formatted(parameters,
            Counts.of(checkpoint.names().size(), "tensor"), Counts.of(bytes, "byte"),
                types.entrySet().stream().map(type -> type.getValue() + " " + type.getKey()).collect(Collectors.joining(", "))));
    }

    private void checkValues(Checkpoint checkpoint) {
        for (String name : checkpoint.names()) {
            checkpoint.requireFinite(name);
        }
        out().println("values            all are finite");
    }

    private static String tokenizer(Path directory) {
        if (!TokenizerFiles.isPresent(directory)) {
            return "none";
        }
        try (Tokenizer tokenizer = Tokenizer.load(directory)) {
            return tokenizer.description();
        }
    }
}
