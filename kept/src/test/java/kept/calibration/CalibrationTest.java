package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import kept.mapping.CalibratedMapping;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.OrionConfigs;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CalibrationTest {
    private static final int VOCABULARY = 50;
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.ORION).vocabSize(VOCABULARY).hiddenSize(24).intermediateSize(40)
            .layers(2).heads(2).keyValueHeads(1).headDimension(12).maxPositions(32).initializerRange(0.15).dtype(DType.F32).build();
    private static final Mapping MAPPING = Mapping.named("calibrated", CONFIG);
    private static final Map<String, String> SETTINGS = Map.of("text", "of chance");

    @TempDir
    private Path directory;

    /** A random Orion whose norms shift and whose stream has a mean, which an RMSNorm cannot follow. */
    private static final Weights TEACHER = (name, shape) -> {
        try (var scope = Scope.open()) {
            Tensor value = new RandomWeights(CONFIG, 5).get(name, shape);
            if (name.endsWith("norm.bias")) {
                value = Tensor.normal(9, name.hashCode(), shape.toArray()).mul(0.2);
            } else if (!name.contains("norm.")) {
                value = value.add(0.02);
            }
            return scope.keep(value.contiguous());
        }
    };

    private static final CalibrationOptions SEARCH = new CalibrationOptions(Double.NaN, Double.NaN, null);

    private static int[][] text(int sequences, long seed) {
        var random = new Random(seed);
        return Stream.generate(() -> random.ints(32, 0, VOCABULARY).toArray()).limit(sequences).toArray(int[][]::new);
    }

    private static Calibration calibration(CalibrationOptions options) {
        return new Calibration(MAPPING, TEACHER, text(40, 1), options, Device.cpu());
    }

    private MeasuredTensors run(String name, CalibrationOptions options) {
        MeasuredTensors measured = MeasuredTensors.open(directory.resolve(name), SETTINGS);
        calibration(options).run(measured, _ -> { }, _ -> { }, _ -> { });
        return measured;
    }

    /** The mean of KL(teacher || student) over tokens that calibration has not seen. */
    private static double divergence(Mapping mapping, Weights measured) {
        try (var _ = Scope.open();
                Decoder teacher = Decoder.create(CONFIG, TEACHER, Device.cpu());
                Decoder student = Decoder.create(
                        mapping.target(), new MappedWeights(mapping, mapping.sources(TEACHER, measured), DType.F32), Device.cpu())) {
            int[] ids = Stream.of(text(8, 2)).flatMapToInt(Arrays::stream).toArray();
            Tensor p = teacher.logits(Tensor.of(ids, 8, 32)).logSoftmax(-1);
            Tensor q = student.logits(Tensor.of(ids, 8, 32)).logSoftmax(-1);
            return p.exp().mul(p.sub(q)).sum(-1).mean().item();
        }
    }

    @Test
    void theStudentFollowsItsTeacherWithoutBiases() {
        double opm = divergence(Mapping.opm(CONFIG), null);
        double calibrated = divergence(MAPPING, run("all", SEARCH));
        double unanchored = divergence(MAPPING, run("unanchored", new CalibrationOptions(0, Double.NaN, null)));
        assertThat(unanchored).isLessThan(opm / 5);
        assertThat(calibrated).isLessThan(opm / 100).isLessThan(unanchored / 3);
    }

    @Test
    void whatWasEndedGoesOnToTheSameBytes() throws IOException {
        run("whole", SEARCH);
        MeasuredTensors ended = MeasuredTensors.open(directory.resolve("ended"), SETTINGS);
        Calibration calibration = calibration(SEARCH);
        var steps = new int[1];
        for (int limit : new int[] {5, 101, 9, 14, 20}) {
            steps[0] = 0;
            assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> calibration.run(ended, _ -> {
                if (++steps[0] > limit) {
                    throw new IllegalStateException("the user has had enough");
                }
            }, _ -> { }, _ -> { }));
        }
        run("ended", SEARCH);
        assertThat(files("ended")).isEqualTo(files("whole")).hasSize(1 + 1 + 5 + 2 * 2);
    }

    @Test
    void spilledStreamsGiveTheSameBytesAndAreGoneAfterwards() throws IOException {
        run("memory", SEARCH);
        Path spill = Files.createDirectory(directory.resolve("spill"));
        run("spilled", new CalibrationOptions(Double.NaN, Double.NaN, spill));
        assertThat(files("spilled")).isEqualTo(files("memory"));
        assertThat(spill).isEmptyDirectory();
    }

    @Test
    void theProgressAddsUpToTheWork() {
        Calibration calibration = calibration(SEARCH);
        var done = new long[1];
        List<String> notes = new ArrayList<>();
        calibration.run(MeasuredTensors.open(directory.resolve("counted"), SETTINGS), tokens -> done[0] += tokens, notes::add, _ -> { });
        assertThat(done[0]).isEqualTo(calibration.work());
        assertThat(notes.getLast()).startsWith("took: trials of anchors ");
    }

    /** One pass over the text, not one for each anchor that a search would try. */
    @Test
    void withoutASearchTheAnchorIsTheUsualOneAndNothingIsTried() {
        MeasuredTensors measured = run("usual", CalibrationOptions.DEFAULTS);
        assertThat(measured.metadata(CalibratedMapping.ANCHOR, "anchor")).hasValue("0.1");
        long norms = 5;
        assertThat(calibration(CalibrationOptions.DEFAULTS).work()).isEqualTo(40 * 32 * (norms + 2 * (norms - 1) + 2));
        assertThat(calibration(SEARCH).work()).isGreaterThan(4 * calibration(CalibrationOptions.DEFAULTS).work());
    }

    @Test
    void theErrorsOfNormsAreDetails() {
        List<String> notes = new ArrayList<>();
        List<String> details = new ArrayList<>();
        calibration(CalibrationOptions.DEFAULTS).run(MeasuredTensors.open(directory.resolve("notes"), SETTINGS), _ -> { }, notes::add, details::add);
        assertThat(notes).hasSize(2);
        assertThat(notes.getFirst()).startsWith("anchor: 0.1 times");
        assertThat(notes.getLast()).startsWith("took: ").doesNotContain("trials");
        assertThat(details).filteredOn(line -> line.contains(": ridge ")).hasSize(5);
        assertThat(details).filteredOn(line -> line.contains(".mlp: neuron ")).hasSize(2);
    }

    @Test
    void anAnchorAndARidgeGivenByHandAreUsed() {
        MeasuredTensors measured = run("by-hand", new CalibrationOptions(0.5, 1e-3, null));
        assertThat(measured.metadata(CalibratedMapping.ANCHOR, "anchor")).hasValue("0.5");
        assertThat(measured.metadata("model.norm.correction", "ridge")).hasValue("0.001");
    }

    /** A neuron that the norm's bias keeps shut in this text, but whose large weights another text would open, is not the one to give up. */
    @Test
    void aNeuronThatIsOnlySilentInTheTextIsNotGivenUp() {
        int opener = 23;
        int shutter = 22;
        int neuron = 7;
        Weights teacher = (name, shape) -> {
            float[] values;
            try (var _ = Scope.open()) {
                values = TEACHER.get(name, shape).toFloatArray();
            }
            int columns = Math.toIntExact(shape.size(shape.rank() - 1));
            boolean gate = name.equals("model.layers.0.mlp.gate_proj.weight");
            if (gate || name.equals("model.layers.0.mlp.up_proj.weight")) {
                Arrays.fill(values, neuron * columns, (neuron + 1) * columns, 0);
                values[neuron * columns + opener] = 2;
                values[neuron * columns + shutter] = gate ? -2 : 0;
            } else if (name.equals("model.layers.0.post_attention_layernorm.bias")) {
                values[shutter] = 6;
            }
            return Tensor.of(values).reshape(shape);
        };
        MeasuredTensors measured = MeasuredTensors.open(directory.resolve("silent"), SETTINGS);
        new Calibration(MAPPING, teacher, text(40, 1), new CalibrationOptions(0.2, Double.NaN, null), Device.cpu())
                .run(measured, _ -> { }, _ -> { }, _ -> { });
        try (var _ = Scope.open()) {
            assertThat(measured.get(CalibratedMapping.neuron(0), Shape.of(1)).item()).isNotNegative().isNotEqualTo(neuron);
        }
    }

    @Test
    void fewTokensForTheWidthAreTold() {
        List<String> notes = new ArrayList<>();
        new Calibration(MAPPING, TEACHER, text(15, 1), new CalibrationOptions(0.2, Double.NaN, null), Device.cpu())
                .run(MeasuredTensors.open(directory.resolve("few"), SETTINGS), _ -> { }, notes::add, _ -> { });
        assertThat(notes.getFirst()).startsWith("480 tokens are 20.0 for each of the 24 unknowns of a correction's row; 768 or more ");
        assertThat(Calibration.advice(CONFIG, 768)).isEmpty();
        assertThat(Calibration.usualTokens(CONFIG)).isEqualTo(65_536);
        assertThat(Calibration.usualTokens(OrionConfigs.named("orion-14b").orElseThrow())).as("as Orion-14B").isEqualTo(32 * 5120);
    }

    @Test
    void tooFewTokensForTheWidthAreRefused() {
        assertThatExceptionOfType(CalibrationException.class)
                .isThrownBy(() -> new Calibration(MAPPING, TEACHER, text(2, 1), SEARCH, Device.cpu()))
                .withMessageContaining("64 tokens are too few for width 24, which needs at least 96");
        assertThatExceptionOfType(CalibrationException.class)
                .isThrownBy(() -> new Calibration(MAPPING, TEACHER, new int[1][128], SEARCH, Device.cpu()))
                .withMessage("[calibration] 128 tokens are one sequence, and at least two are needed: one to fit, one held out; give more");
    }

    @Test
    void anotherCalibrationsDirectoryIsRefused() {
        MeasuredTensors.open(directory.resolve("taken"), SETTINGS);
        assertThatExceptionOfType(CalibrationException.class)
                .isThrownBy(() -> MeasuredTensors.open(directory.resolve("taken"), Map.of("text", "another")))
                .withMessageContaining("text was of chance, is another");
    }

    private Map<String, String> files(String name) throws IOException {
        var contents = new HashMap<String, String>();
        try (Stream<Path> files = Files.list(directory.resolve(name))) {
            for (Path file : files.toList()) {
                contents.put(file.getFileName().toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return contents;
    }
}
