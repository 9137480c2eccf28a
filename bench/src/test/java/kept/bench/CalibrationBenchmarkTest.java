package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import kept.bench.recording.GpuModel;
import kept.calibration.CalibrationCost;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import org.junit.jupiter.api.Test;

/** A recorded calibration agrees with what {@code convert --plan} derives from sizes alone. */
class CalibrationBenchmarkTest {
    private static final int TOKENS = 16 * 4096;

    @Test
    void memoryAndOperationsAreThoseOfThePlan() throws IOException {
        DecoderConfig config = DecoderConfig.builder(Architecture.ORION).vocabSize(4096).hiddenSize(640).intermediateSize(1920).layers(4).heads(5)
                .keyValueHeads(5).headDimension(128).maxPositions(4096).build();
        CalibrationBenchmark.Recorded recorded = CalibrationBenchmark.record(GpuModel.H200, config, TOKENS);
        CalibrationCost cost = CalibrationCost.of(config, TOKENS, false);
        assertThat(recorded.bytes() / (double) cost.deviceBytes(false)).as("memory of the device").isBetween(0.7, 1.05);
        // A Gram matrix is computed in blocks of 512 rows, so at this width nearly whole.
        assertThat(recorded.rows().get("products of f64").operations() / cost.doubleOperations()).as("operations in f64").isBetween(0.95, 1.3);
        double single = recorded.rows().get("products of f32").operations() + recorded.rows().get("products of bf16").operations();
        assertThat(single / cost.singleOperations()).as("operations of matrix products; the plan counts the output's too").isBetween(0.8, 1.0);
        assertThat(recorded.rows().get("products of bf16").operations() / cost.teacherOperations()).as("the teacher's").isBetween(0.9, 1.1);
    }
}
