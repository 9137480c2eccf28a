package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.Weights;
import kept.nn.LayerNorm;
import kept.nn.RmsNorm;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class ChannelProbeTest {
    @Test
    void theMeasuredWeightsMissTheLayerNormsLeast() {
        Path source = Fixtures.path("orion-safetensors");
        DecoderConfig config = DecoderConfig.read(source);
        Mapping.channel(config).requireComplete();
        try (var checkpoint = Checkpoint.open(source);
                Decoder teacher = Decoder.create(config, new CheckpointWeights(checkpoint), Device.cpu());
                var _ = Scope.open()) {
            Tensor ids = Tensor.uniform(3, 0, 2, 24).mul(config.vocabSize()).cast(DType.I32);
            var probe = new ChannelProbe(teacher);
            probe.observe(ids.slice(0, 0, 1).contiguous());
            probe.observe(ids.slice(0, 1, 2).contiguous());
            Map<String, float[]> streams = new LinkedHashMap<>();
            Autograd.withoutRecording(() -> teacher.hidden(ids, null, (norm, stream) -> streams.put(norm, stream.toFloatArray())));
            Weights measured = probe.weights();
            assertThat(streams).hasSize(2 * config.layers() + 1);
            streams.forEach((norm, values) -> {
                Tensor stream = Tensor.of(values, 2, 24, config.hiddenSize());
                Tensor weight = teacher.parameters().get(norm + ".weight").value();
                Tensor wanted = new LayerNorm(weight, teacher.parameters().get(norm + ".bias").value(), config.normEps()).forward(stream);
                Tensor best = measured.get(norm + ".channel_weight", weight.shape());
                double least = missed(stream, wanted, best, config);
                assertThat(least).as(norm).isLessThan(missed(stream, wanted, best.mul(1.02), config))
                        .isLessThan(missed(stream, wanted, best.mul(0.98), config)).isLessThan(missed(stream, wanted, weight, config));
            });
        }
    }

    private static double missed(Tensor stream, Tensor wanted, Tensor weight, DecoderConfig config) {
        return Autograd.withoutRecording(() -> new RmsNorm(weight, config.normEps()).forward(stream).sub(wanted).square().mean()).item();
    }
}
