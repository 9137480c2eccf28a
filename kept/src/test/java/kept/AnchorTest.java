package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the demo's teacher, for a random one has no small anchor to prefer. */
class AnchorTest {
    private static final long TOKENS = 2048;

    @TempDir
    private Path directory;

    @Test
    void theAnchorIsLargerWhereWeightsAreRoundedMore() {
        try (var demo = Demo.prepare(new PrintWriter(OutputStream.nullOutputStream()));
                Checkpoint teacher = Checkpoint.open(demo.teacher());
                Tokenizer tokenizer = Tokenizer.load(demo.teacher())) {
            int[][] text = MeasuredMapping.sequences(
                    demo.transferText(), tokenizer, 128, TOKENS, 0, new PrintWriter(OutputStream.nullOutputStream()));
            assertThat(anchor(demo, teacher, DType.BF16, text)).isGreaterThan(anchor(demo, teacher, DType.F32, text));
        }
    }

    private double anchor(Demo demo, Checkpoint teacher, DType stored, int[]... text) {
        Mapping mapping = Mapping.named(CalibratedMapping.NAME, DecoderConfig.read(demo.teacher()).toBuilder().dtype(stored).build());
        MeasuredTensors measured = MeasuredTensors.open(directory.resolve(stored.label()), Map.of());
        new Calibration(mapping, new CheckpointWeights(teacher), text, CalibrationOptions.DEFAULTS, Device.cpu()).run(measured, _ -> { }, _ -> { });
        return Double.parseDouble(measured.remark(CalibratedMapping.ANCHOR, "anchor").orElseThrow());
    }
}
