package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.FamilyCheckpoint;
import kept.autograd.Autograd;
import kept.checkpoint.Checkpoint;
import kept.nn.Functional;
import kept.nn.Parameter;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Logits, greedy texts and gradients of transformers, reproduced from the checkpoints of each family. */
class FamilyGraphsTest {
    private static final List<String> READABLE = FamilyCheckpoint.READABLE;
    private static final double TOLERANCE = 2e-5;

    @ParameterizedTest
    @FieldSource("READABLE")
    void logitsAreThoseOfTransformers(String name) {
        try (var family = FamilyCheckpoint.open(name);
                Decoder model = decoder(family);
                var _ = Scope.open()) {
            Tensor ids = family.ids(model.config());
            assertClose(Autograd.withoutRecording(() -> model.logits(ids)), family.logits(model.config()));
            assertClose(model.logits(ids), family.logits(model.config()));
        }
    }

    @ParameterizedTest
    @FieldSource("READABLE")
    void tokenByTokenWithACacheGivesTheSameLogitsAndGreedyText(String name) {
        try (var family = FamilyCheckpoint.open(name);
                Decoder model = decoder(family);
                var _ = Scope.open()) {
            Tensor ids = family.ids(model.config());
            Tensor logits = family.logits(model.config());
            long[] continuation = family.tensor("continuation").toLongArray();
            boolean isWhole = ids.size(1) + continuation.length <= model.config().maxPositions();
            try (var cache = new KeyValueCache(model.config(), ids.size(0), ids.size(1) + (isWhole ? continuation.length : 0), Device.cpu())) {
                Autograd.withoutRecording(() -> {
                    int prefill = 5;
                    Tensor last = model.nextLogits(ids.slice(1, 0, prefill).contiguous(), cache);
                    assertClose(last, logits.select(1, prefill - 1));
                    for (long t = prefill; t < ids.size(1); t++) {
                        last = model.nextLogits(ids.slice(1, t, t + 1).contiguous(), cache);
                        assertClose(last, logits.select(1, t));
                    }
                    for (int i = 0; isWhole && i < continuation.length; i++) {
                        Tensor next = last.argMax(-1);
                        assertThat(next.toLongArray()[0]).as("token %d", i).isEqualTo(continuation[i]);
                        last = model.nextLogits(next.unsqueeze(1), cache);
                    }
                    return null;
                });
            }
        }
    }

    @Test
    void aSlidingWindowIsTheEndOfTheLongestText() {
        try (var family = FamilyCheckpoint.open("starcoder2-window");
                Decoder model = decoder(family);
                var _ = Scope.open()) {
            assertThat(model.config().maxPositions()).isEqualTo(8);
            assertThatThrownBy(() -> model.logits(family.tensor("input_ids"))).isInstanceOf(ShapeException.class).hasMessageContaining("8");
            assertThat(ConfigNotes.of(family.directory())).singleElement().asString().contains("sliding_window", "8");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"olmo-tied", "olmo-biases", "starcoder2", "stablelm-biases", "nemotron-biases"})
    void lossAndGradientsAreThoseOfPyTorch(String name) {
        try (var family = FamilyCheckpoint.open(name);
                Decoder model = decoder(family);
                var _ = Scope.open()) {
            model.parameters().values().forEach(parameter -> parameter.setTrainable(true));
            Tensor ids = family.tensor("input_ids");
            long last = ids.size(1) - 1;
            Tensor logits = model.logits(ids).slice(1, 0, last);
            Tensor labels = ids.slice(1, 1, last + 1);
            Tensor loss = Functional.crossEntropy(logits, labels);
            assertThat(FamilyCheckpoint.difference(loss.toFloatArray(), family.tensor("loss").toDoubleArray())).isLessThan(1e-5);
            loss.backward();
            model.parameters().forEach((tensor, parameter) -> assertGradient(tensor, parameter, family.tensor("gradient." + tensor).toFloatArray()));
            long golden = family.golden().entries().stream().filter(entry -> entry.name().startsWith("gradient.")).count();
            assertThat(model.parameters()).hasSize(Math.toIntExact(golden));
        }
    }

    private static Decoder decoder(FamilyCheckpoint family) {
        try (var checkpoint = Checkpoint.open(family.directory())) {
            return Decoder.create(DecoderConfig.read(family.directory()), new CheckpointWeights(checkpoint), Device.cpu());
        }
    }

    private static void assertClose(Tensor actual, Tensor expected) {
        assertThat(FamilyCheckpoint.difference(actual.toFloatArray(), expected.toDoubleArray())).isLessThan(TOLERANCE);
    }

    private static void assertGradient(String name, Parameter parameter, float... expected) {
        float[] actual = parameter.gradient().toFloatArray();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        assertThat(Math.sqrt(difference / norm)).as(name).isLessThan(1e-4);
    }
}
