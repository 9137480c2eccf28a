package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.mapping.TensorMapping;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.RandomWeights;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Scope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the plan counts, against what is done. */
class CalibrationCostTest {
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.ORION).vocabSize(50).hiddenSize(24).intermediateSize(40)
            .layers(2).heads(2).keyValueHeads(1).headDimension(12).maxPositions(32).initializerRange(0.15).dtype(DType.F32).build();
    private static final Mapping MAPPING = Mapping.named("calibrated", CONFIG);
    private static final int SEQUENCES = 40;
    private static final int LENGTH = 32;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(doubles = {0.2, Double.NaN})
    void theProductsAreThoseOfACalibrationAndOfItsOutput(double anchor) {
        var counting = new CountingDevice();
        Weights teacher = new RandomWeights(CONFIG, 5);
        var random = new Random(1);
        int[][] text = Stream.generate(() -> random.ints(LENGTH, 0, 50).toArray()).limit(SEQUENCES).toArray(int[][]::new);
        MeasuredTensors measured = MeasuredTensors.open(directory.resolve("measured"), Map.of());
        new Calibration(MAPPING, teacher, text, new CalibrationOptions(anchor, Double.NaN, null), counting.device())
                .run(measured, _ -> { }, _ -> { }, _ -> { });
        var output = new MappedWeights(MAPPING, MAPPING.sources(teacher, measured), DType.F32);
        for (TensorMapping row : MAPPING.rows()) {
            try (var _ = Scope.open(counting.device())) {
                output.get(row.target(), row.shape());
            }
        }
        CalibrationCost cost = CalibrationCost.of(CONFIG, SEQUENCES * LENGTH, Double.isNaN(anchor));
        assertThat((double) counting.operations()).isCloseTo(cost.singleOperations(), withinPercentage(0.01));
    }

    @Test
    void memoryGrowsWithTheTokensOnlyWhereTheyAreNotSpilled() {
        CalibrationCost few = CalibrationCost.of(CONFIG, 100_000, false);
        CalibrationCost many = CalibrationCost.of(CONFIG, 200_000, false);
        assertThat(many.streamBytes() - few.streamBytes()).as("both models' streams").isEqualTo(2L * 100_000 * 24 * Float.BYTES);
        assertThat(many.heapBytes() - few.heapBytes()).as("what the renewed anchor is fitted to").isEqualTo(4L * 100_000 * Float.BYTES);
        assertThat(many.equationBytes() - few.equationBytes()).as("what is held out of more tokens")
                .isEqualTo(2L * (8192 - 100_000 / 16) * 24 * Float.BYTES);
        assertThat(many.deviceBytes(true) - few.deviceBytes(true)).isEqualTo(many.equationBytes() - few.equationBytes());
        assertThat(many.memoryBytes(false) - many.deviceBytes(false)).isEqualTo(many.heapBytes());
    }
}
