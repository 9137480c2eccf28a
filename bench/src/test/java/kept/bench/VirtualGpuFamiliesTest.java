package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.nio.file.Path;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.KeyValueCache;
import kept.nn.Functional;
import kept.nn.Parameter;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models of each family through the CUDA backend and its PTX on the virtual GPU, against transformers' logits and PyTorch's gradients. */
class VirtualGpuFamiliesTest {
    private static final double LOGITS = 2e-5;
    private static final double GRADIENTS = 1e-4;

    /** The virtual GPU, or the device that {@code -Dkept.test.device} names. */
    private static Device gpu() {
        return Device.of(System.getProperty("kept.test.device", "virtual"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"olmo-tied", "starcoder2", "stablelm-biases", "nemotron-biases"})
    void logitsCacheAndGradientsAreThoseOfTransformers(String name) {
        Path directory = directory(name);
        Device device = gpu();
        try (var golden = SafetensorsFile.open(directory.resolve("golden.safetensors"));
                var checkpoint = Checkpoint.open(directory);
                Decoder model = Decoder.create(DecoderConfig.read(directory), new CheckpointWeights(checkpoint), device);
                var _ = Scope.open(device)) {
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            Tensor ids = tensor(golden, "input_ids");
            long last = ids.size(1) - 1;
            Tensor logits = model.logits(ids);
            assertThat(difference(logits, logits(golden, 0))).as("logits").isLessThan(LOGITS);
            try (var cache = new KeyValueCache(model.config(), ids.size(0), ids.size(1), device)) {
                Autograd.withoutRecording(() -> model.nextLogits(ids.slice(1, 0, last).contiguous(), cache));
                Tensor next = Autograd.withoutRecording(() -> model.nextLogits(ids.slice(1, last, last + 1).contiguous(), cache));
                assertThat(difference(next, logits(golden, last))).as("with a cache").isLessThan(LOGITS);
            }
            Functional.crossEntropy(logits.slice(1, 0, last), ids.slice(1, 1, last + 1)).backward();
            model.parameters().forEach((tensor, parameter) ->
                    assertThat(distance(parameter, tensor(golden, "gradient." + tensor))).as(tensor).isLessThan(GRADIENTS));
        }
    }

    /** The golden logits from a position on; on the CPU, as the device has no F64. */
    private static double[] logits(SafetensorsFile golden, long from) {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor all = tensor(golden, "logits");
            return all.slice(1, from, all.size(1)).toDoubleArray();
        }
    }

    private static double difference(Tensor actual, double... values) {
        float[] found = actual.toFloatArray();
        assertThat(found).hasSameSizeAs(values);
        double worst = 0;
        for (int i = 0; i < values.length; i++) {
            worst = Math.max(worst, Math.abs(found[i] - values[i]));
        }
        return worst;
    }

    /** The norm of the difference relative to the norm of the expected gradient. */
    private static double distance(Parameter parameter, Tensor gradient) {
        float[] actual = parameter.gradient().toFloatArray();
        float[] expected = gradient.toFloatArray();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }

    private static Tensor tensor(SafetensorsFile file, String name) {
        TensorEntry entry = file.entry(name);
        return Tensor.from(file.data(name), entry.exactType(), entry.shape());
    }

    private static Path directory(String name) {
        try {
            return Path.of(VirtualGpuFamiliesTest.class.getResource("/families/" + name + "/config.json").toURI()).getParent();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
