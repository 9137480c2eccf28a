package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.calibration.CalibrationSequences;
import kept.calibration.MeasuredTensors;
import kept.checkpoint.Checkpoint;
import kept.cli.Demo;
import kept.corpus.DocumentEncoder;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;
import kept.mapping.MappedWeights;
import kept.mapping.Mapping;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the demo's teacher, for a random one's streams do not grow, so that no anchor is left behind. */
class RoundedCalibrationTest {
    private static final long TOKENS = 4096;
    private static final int LENGTH = 128;

    @TempDir
    private Path directory;

    @Tag("thorough")
    @Test
    void aCalibratedStudentIsAsGoodInBf16AndNearerThanOpmByTwoOrdersOfSize() {
        try (var demo = Demo.prepare(new PrintWriter(OutputStream.nullOutputStream()));
                Checkpoint checkpoint = Checkpoint.open(demo.teacher());
                Tokenizer tokenizer = Tokenizer.load(demo.teacher())) {
            int[][] text = CalibrationSequences.of(demo.trainingText(), DocumentEncoder.of(tokenizer), LENGTH, TOKENS, 0).ids();
            DecoderConfig config = DecoderConfig.read(demo.teacher());
            Mapping mapping = Mapping.named("calibrated", config);
            var source = new CheckpointWeights(checkpoint);
            MeasuredTensors measured = MeasuredTensors.open(directory.resolve("measured"), Map.of());
            new Calibration(mapping, source, text, new CalibrationOptions(0.1, Double.NaN, null), Device.cpu())
                    .run(measured, _ -> { }, _ -> { }, _ -> { });
            try (Decoder teacher = Decoder.create(config, source, Device.cpu());
                    PackedTokens tokens = PackedTokens.of(demo.domains().get("prose"), tokenizer, TOKENS)) {
                TextEvaluation prose = TextEvaluation.of("prose", tokens, LENGTH, TOKENS / 2);
                double opm = divergence(teacher, Mapping.opm(config), source, DType.F32, prose);
                double exact = divergence(teacher, mapping, mapping.sources(source, measured), DType.F32, prose);
                double rounded = divergence(teacher, mapping, mapping.sources(source, measured), DType.BF16, prose);
                assertThat(exact).isLessThan(opm / 100);
                assertThat(rounded).isLessThan(1.15 * exact);
            }
        }
    }

    private static double divergence(Decoder teacher, Mapping mapping, Weights sources, DType stored, TextEvaluation text) {
        try (Decoder student = Decoder.create(mapping.target(), new MappedWeights(mapping, sources, stored), Device.cpu())) {
            return text.compare(teacher, student).klMean();
        }
    }
}
