package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.Main;
import kept.checkpoint.Checkpoint;
import kept.cli.Program;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.model.TensorName;
import kept.model.Weights;
import kept.run.ModelWriter;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;

/** A directory with an Orion whose norms have weights and biases, a text and a task, and runs of the programs on them in this process. */
final class TinyPrograms {
    private static final Path TOKENIZER = Path.of("../kept/src/test/resources/fixtures/tokenizer");
    private static final ObjectMapper JSON = new ObjectMapper();
    /** What differs between devices or runs by its nature; blocks of tensors have an alignment on each device. */
    private static final Set<String> UNCOMPARED = Set.of("command", "seconds", "tensor_bytes");

    private final Path directory;
    private final Path teacher;
    private final Path text;
    private final Path task;

    /** What a program printed, and its exit code. */
    record Run(int code, String out, String err) {
        List<String> failures() {
            return err.lines().filter(line -> line.startsWith("kept: ")).toList();
        }
    }

    TinyPrograms(Path directory) throws IOException {
        this.directory = directory;
        teacher = Files.createDirectories(directory.resolve("orion"));
        text = directory.resolve("text.txt");
        var lines = new StringBuilder();
        for (int i = 0; i < 150; i++) {
            lines.append("Line ").append(i).append(" tells that ").append(i * i).append(" is the square of ").append(i).append(".\n");
        }
        Files.writeString(text, lines);
        task = Files.writeString(directory.resolve("task.jsonl"), """
                {"context": "The square of 3 is", "choices": ["9", "the line", "16"], "answer": 0}
                {"context": "Line 4 tells that 16 is the", "choices": ["square of 4", "line"], "answer": 0}
                {"context": "Line 5 tells", "choices": ["of 5", "that 25 is the square"], "answer": 1}
                """);
        try (Tokenizer tokenizer = Tokenizer.load(TOKENIZER)) {
            DecoderConfig config = DecoderConfig.builder(Architecture.ORION).vocabSize(tokenizer.vocabularySize()).hiddenSize(64).intermediateSize(96)
                    .layers(2).heads(1).keyValueHeads(1).headDimension(64).maxPositions(256).dtype(DType.F32).initializerRange(0.15)
                    .bosTokenId(tokenizer.bos()).eosTokenIds(tokenizer.eos().stream().boxed().toList()).build();
            Weights matrices = new RandomWeights(config, 5);
            Weights weights = (name, shape) -> TensorName.parse(name).orElseThrow().role().isNorm() ? norm(name, shape) : matrices.get(name, shape);
            try (Decoder model = Decoder.create(config, weights, Device.cpu())) {
                ModelWriter.write(model, DType.F32, teacher, CheckpointWriter.DEFAULT_SHARD_BYTES);
            }
            config.write(teacher);
        }
        Files.copy(TOKENIZER.resolve("tokenizer.model"), teacher.resolve("tokenizer.model"));
    }

    private static Tensor norm(String name, Shape shape) {
        Tensor values = Tensor.normal(7, name.hashCode(), shape.toArray()).mul(0.1);
        return name.endsWith("bias") ? values : values.add(1);
    }

    Path teacher() {
        return teacher;
    }

    Path text() {
        return text;
    }

    Path task() {
        return task;
    }

    Path resolve(String name) {
        return directory.resolve(name);
    }

    /** Runs a command line and requires success. */
    static Run succeed(Object... arguments) {
        Run run = run(arguments);
        assertThat(run.code).as("%s%n%s", Arrays.toString(arguments), run.err).isZero();
        return run;
    }

    static Run run(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Program.commandLine(new Main()).setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true))
                .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
        return new Run(code, out.toString(), err.toString());
    }

    /** All tensors of a checkpoint. */
    static Map<String, float[]> tensors(Path checkpoint) {
        Map<String, float[]> tensors = new TreeMap<>();
        try (var _ = Scope.open();
                var weights = Checkpoint.open(checkpoint)) {
            weights.names().forEach(name -> tensors.put(name, new CheckpointWeights(weights).get(name, weights.entry(name).shape()).toFloatArray()));
        }
        return tensors;
    }

    /** Requires JSON files of the same form, whose numbers differ by at most a share of themselves plus a constant. */
    static void requireClose(Path actual, Path expected, double relative, double absolute) throws IOException {
        requireClose("", JSON.readTree(actual.toFile()), JSON.readTree(expected.toFile()), relative, absolute);
    }

    private static void requireClose(String at, JsonNode actual, JsonNode expected, double relative, double absolute) {
        assertThat(actual.getNodeType()).as(at).isEqualTo(expected.getNodeType());
        if (expected.isNumber()) {
            assertThat(actual.doubleValue()).as(at)
                    .isCloseTo(expected.doubleValue(), within(relative * Math.abs(expected.doubleValue()) + absolute));
        } else if (expected.isContainerNode()) {
            assertThat(actual).as(at).hasSameSizeAs(expected);
            if (expected.isArray()) {
                for (int i = 0; i < expected.size(); i++) {
                    requireClose(at + "/" + i, actual.get(i), expected.get(i), relative, absolute);
                }
            } else {
                expected.propertyStream().filter(property -> !UNCOMPARED.contains(property.getKey())).forEach(property ->
                        requireClose(at + "/" + property.getKey(), actual.path(property.getKey()), property.getValue(), relative, absolute));
            }
        } else {
            assertThat(actual).as(at).isEqualTo(expected);
        }
    }
}
