package kept.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logits and residual streams of PyTorch and transformers, reproduced from checkpoints in every layout. */
class GoldenModelTest {
    private static final double TOLERANCE = 2e-5;

    @ParameterizedTest
    @ValueSource(strings = {
        "orion-safetensors", "orion-bf16-sharded", "orion-torch-bin", "orion-long-rope", "llama", "llama-gqa-tied", "llama-biases",
        "llama-rope-llama3", "llama-v5-config"
    })
    void logitsAndStreamsAreThoseOfTransformers(String fixture) {
        Path directory = Fixtures.path(fixture);
        DecoderConfig config = DecoderConfig.read(directory);
        Map<String, float[]> streams = new HashMap<>();
        try (var checkpoint = Checkpoint.open(directory);
                var expected = SafetensorsFile.open(directory.resolve("expected.safetensors"));
                Decoder model = Decoder.create(config, new CheckpointWeights(checkpoint), Device.cpu());
                var _ = Scope.open()) {
            Tensor ids = tensor(expected, "input_ids");
            float[] logits = Autograd.withoutRecording(() -> {
                model.hidden(ids, null, (norm, stream) -> streams.put(norm, stream.toFloatArray()));
                return model.logits(ids).toFloatArray();
            });
            assertClose(logits, tensor(expected, "logits"));
            for (int layer = 0; layer < config.layers(); layer++) {
                assertClose(streams.get("model.layers." + layer + ".input_layernorm"), tensor(expected, "hidden." + layer));
            }
            assertClose(streams.get("model.norm"), tensor(expected, "hidden." + config.layers()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"orion-safetensors", "llama-gqa-tied", "llama-rope-llama3"})
    void tokenByTokenWithACacheGivesTheSameLogits(String fixture) {
        Path directory = Fixtures.path(fixture);
        DecoderConfig config = DecoderConfig.read(directory);
        try (var checkpoint = Checkpoint.open(directory);
                var expected = SafetensorsFile.open(directory.resolve("expected.safetensors"));
                Decoder model = Decoder.create(config, new CheckpointWeights(checkpoint), Device.cpu());
                var _ = Scope.open()) {
            Tensor ids = tensor(expected, "input_ids");
            Tensor logits = tensor(expected, "logits");
            try (var cache = new KeyValueCache(config, ids.size(0), ids.size(1), Device.cpu())) {
                Autograd.withoutRecording(() -> {
                    int prefill = 5;
                    assertClose(model.nextLogits(ids.slice(1, 0, prefill).contiguous(), cache).toFloatArray(), logits.select(1, prefill - 1));
                    for (long t = prefill; t < ids.size(1); t++) {
                        assertClose(model.nextLogits(ids.slice(1, t, t + 1).contiguous(), cache).toFloatArray(), logits.select(1, t));
                    }
                    return null;
                });
            }
        }
    }

    private static Tensor tensor(SafetensorsFile file, String name) {
        TensorEntry entry = file.entry(name);
        return Tensor.from(file.data(name), entry.dtype(), entry.shape());
    }

    private static void assertClose(float[] actual, Tensor expected) {
        assertThat(expected.dtype()).isEqualTo(DType.F32);
        float[] values = expected.toFloatArray();
        assertThat(actual).hasSameSizeAs(values);
        double worst = 0;
        for (int i = 0; i < values.length; i++) {
            worst = Math.max(worst, Math.abs((double) actual[i] - values[i]));
        }
        assertThat(worst).isLessThan(TOLERANCE);
    }
}
