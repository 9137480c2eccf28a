package kept.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ActivationCheckpointingTest {
    private static final int BATCH = 3;
    private static final int LENGTH = 24;

    @ParameterizedTest
    @EnumSource(Architecture.class)
    void gradientsHaveTheSameBits(Architecture architecture) {
        try (Decoder model = model(architecture)) {
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            assertSameGradients(model);
        }
    }

    @ParameterizedTest
    @CsvSource({"norm\\.", "layers\\.1\\.mlp", "lm_head"})
    void gradientsOfSomeParametersHaveTheSameBits(String names) {
        try (Decoder model = model(Architecture.LLAMA)) {
            model.parameters().forEach((name, parameter) -> parameter.setTrainable(name.matches(".*" + names + ".*")));
            assertSameGradients(model);
        }
    }

    @Test
    void lessIsKeptForTheBackwardPass() {
        try (Decoder model = model(Architecture.LLAMA)) {
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            long kept = inUseAfterForward(model);
            model.setActivationCheckpointing(true);
            assertThat(inUseAfterForward(model)).isLessThan(kept / 2);
        }
    }

    private static void assertSameGradients(Decoder model) {
        Map<String, float[]> kept = gradients(model);
        model.setActivationCheckpointing(true);
        Map<String, float[]> again = gradients(model);
        assertThat(kept).isNotEmpty();
        assertThat(again.keySet()).isEqualTo(kept.keySet());
        kept.forEach((name, gradient) -> assertThat(again.get(name)).as(name).isEqualTo(gradient));
    }

    private static Map<String, float[]> gradients(Decoder model) {
        Map<String, float[]> gradients = new LinkedHashMap<>();
        try (var _ = Scope.open(model.device())) {
            Tensor labels = ids(1).reshape((long) BATCH * LENGTH);
            Tensor loss = Functional.crossEntropy(new FactoredLogits(model.hidden(ids(0)), model.headWeight()), labels);
            Autograd.backward(loss, Tensor.scalar(1, DType.F32));
        }
        model.parameters().forEach((name, parameter) -> {
            if (parameter.value().gradient() != null) {
                gradients.put(name, parameter.value().gradient().toFloatArray());
                parameter.value().clearGradient();
            }
        });
        return gradients;
    }

    private static long inUseAfterForward(Decoder model) {
        long before = model.device().memoryUsage().inUse();
        try (var _ = Scope.open(model.device())) {
            model.hidden(ids(0));
            return model.device().memoryUsage().inUse() - before;
        }
    }

    private static Tensor ids(int shift) {
        int[] ids = IntStream.range(shift, shift + BATCH * LENGTH).map(i -> i * i % 40).toArray();
        return Tensor.of(ids, BATCH, LENGTH);
    }

    private static Decoder model(Architecture architecture) {
        DecoderConfig config = DecoderConfig.builder(architecture).vocabSize(40).hiddenSize(16).intermediateSize(40).layers(3).heads(2)
                .keyValueHeads(2).headDimension(8).maxPositions(32).dtype(DType.F32).initializerRange(0.3).build();
        return Decoder.create(config, new RandomWeights(config, 3), Device.cpu());
    }
}
