package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import java.util.List;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class NormProbeTest {
    /** Squares of bf16 numbers, rounded to bf16 before they are added up, would be off by some thousandths. */
    @Test
    void lengthsOfWeightsInBf16AreTakenInFullPrecision() {
        Path source = Fixtures.path("orion-bf16-sharded");
        DecoderConfig config = DecoderConfig.read(source);
        try (var checkpoint = Checkpoint.open(source);
                Decoder teacher = Decoder.create(config, new CheckpointWeights(checkpoint), Device.cpu());
                var _ = Scope.open()) {
            assertThat(teacher.parameters().get("model.norm.bias").value().dtype()).isEqualTo(DType.BF16);
            var probe = new NormProbe(teacher);
            probe.observe(Tensor.of(new int[] {5, 17, 42, 8}, 1, 4));
            List<NormStatistics> statistics = probe.statistics();
            assertThat(statistics).hasSize(2 * config.layers() + 1);
            for (NormStatistics norm : statistics) {
                double bias = length(teacher.parameters().get(norm.norm() + ".bias").value().cast(DType.F32).toFloatArray());
                double weight = length(teacher.parameters().get(norm.norm() + ".weight").value().cast(DType.F32).toFloatArray());
                assertThat(norm.biasOverWeight()).as(norm.norm()).isCloseTo(bias / weight, withinPercentage(1e-4));
                assertThat(norm.meanOverRms()).as(norm.norm()).isBetween(1e-6, 1.0);
            }
        }
    }

    private static double length(float... values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }
}
