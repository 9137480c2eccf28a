package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import kept.autograd.Autograd;
import kept.nn.Linear;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Low-rank adapters of a decoder: which projections have them, their names, their start, and what they compute. */
class LoraTest {
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.LLAMA).vocabSize(40).hiddenSize(16).intermediateSize(40).layers(3)
            .heads(4).keyValueHeads(2).headDimension(4).maxPositions(32).dtype(DType.F32).initializerRange(0.3).build();

    private static List<String> modules(String target) {
        return new Lora(4, 8, target).adapted(CONFIG).stream().map(matrix -> matrix.id().module()).toList();
    }

    @ParameterizedTest
    @CsvSource({"all-linear,21", "All-Linear,21", "'',21", "q_proj|v_proj,6", "layers\\.[01]\\.mlp,6", "self_attn,12", "lm_head,0", "embed,0",
        "norm,0"})
    void aTargetChoosesProjectionsOfTheLayers(String target, int count) {
        assertThat(modules(target)).hasSize(count).doesNotContain("lm_head");
        assertThat(Lora.isTarget(target)).isEqualTo(count > 0);
    }

    @Test
    void theOrderIsThatOfTheForwardPass() {
        assertThat(modules("layers\\.1")).containsExactly("model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.k_proj",
                "model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj", "model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj",
                "model.layers.1.mlp.down_proj");
        assertThat(Lora.modules()).isEqualTo("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
        assertThat(new Lora(4, 8, "k_proj|down").without(Set.of("model.layers.1.self_attn.k_proj.weight")).adapted(CONFIG)).hasSize(5);
    }

    @Test
    void settingsOutOfTheirRangeAreRefused() {
        for (double alpha : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> new Lora(4, alpha, Lora.ALL)).isInstanceOf(TensorException.class)
                    .hasMessage("[lora] the rank must be at least 1 and alpha above 0, not 4 and " + alpha);
        }
        assertThatThrownBy(() -> new Lora(0, 1, Lora.ALL)).hasMessage("[lora] the rank must be at least 1 and alpha above 0, not 0 and 1.0");
        assertThatThrownBy(() -> new Lora(4, 1, "q_(")).isInstanceOf(TensorException.class)
                .hasMessageStartingWith("[lora] the target 'q_(' is neither all-linear nor a regular expression: ");
        assertThat(Lora.isTarget("q_(")).isFalse();
        assertThat(Lora.USUAL.scale()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.12.mlp.down_proj.lora_B.weight"})
    void aNameIsReadAsItIsWritten(String name) {
        AdapterName read = AdapterName.parse(name).orElseThrow();
        assertThat(read).hasToString(name);
        assertThat(AdapterName.layerOf(name)).isEqualTo(read.weight().layer());
        assertThat(AdapterName.layerOf(read.weight().toString())).isEqualTo(read.weight().layer());
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.lora_C.weight", "lora_A.weight",
        "model.layers.x.self_attn.q_proj.lora_A.weight", "model.layers.0.other.lora_A.weight"})
    void otherNamesAreNoAdapters(String name) {
        assertThat(AdapterName.isOne(name)).isFalse();
        assertThat(AdapterName.layerOf("lm_head.weight")).isEqualTo(TensorName.NO_LAYER);
    }

    private static Decoder adapted(Lora lora, long seed, DType type) {
        return Decoder.create(CONFIG, new AdaptedWeights(new RandomWeights(CONFIG, 3), seed, type), lora, Device.cpu());
    }

    private static Map<String, float[]> factors(Decoder model) {
        Map<String, float[]> factors = new LinkedHashMap<>();
        model.parameters().forEach((name, parameter) -> {
            if (AdapterName.isOne(name)) {
                factors.put(name, parameter.value().toFloatArray());
            }
        });
        return factors;
    }

    /** As torch.nn.init.kaiming_uniform_ with a of sqrt(5): uniform within 1 / sqrt(in), variance 1 / (3 in). */
    @Test
    void aIsUniformByItsFanInAndBIsZero() {
        try (Decoder model = adapted(new Lora(64, 8, "down_proj|q_proj"), 5, DType.F32)) {
            Map<String, float[]> factors = factors(model);
            assertThat(factors).hasSize(12);
            float[] b = factors.get("model.layers.0.mlp.down_proj.lora_B.weight");
            assertThat(b).hasSize(16 * 64).containsOnly(0);
            for (String name : List.of("model.layers.2.mlp.down_proj.lora_A.weight", "model.layers.2.self_attn.q_proj.lora_A.weight")) {
                float[] a = factors.get(name);
                double bound = 1 / Math.sqrt(a.length / 64);
                double squares = 0;
                double largest = 0;
                for (float value : a) {
                    squares += value * value;
                    largest = Math.max(largest, Math.abs(value));
                }
                assertThat(largest).isBetween(0.95 * bound, bound);
                assertThat(squares / a.length).isBetween(0.9 * bound * bound / 3, 1.1 * bound * bound / 3);
            }
            assertThat(factors.get("model.layers.0.mlp.down_proj.lora_A.weight"))
                    .isNotEqualTo(factors.get("model.layers.1.mlp.down_proj.lora_A.weight"));
        }
    }

    @Test
    void theStartDependsOnTheSeedAlone() {
        try (Decoder one = adapted(Lora.USUAL, 5, DType.F32);
                Decoder same = adapted(new Lora(16, 1, "q_proj"), 5, DType.F32);
                Decoder other = adapted(Lora.USUAL, 6, DType.F32);
                Decoder rounded = adapted(Lora.USUAL, 5, DType.BF16)) {
            String name = "model.layers.1.self_attn.q_proj.lora_A.weight";
            assertThat(factors(same).get(name)).isEqualTo(factors(one).get(name)).isNotEqualTo(factors(other).get(name));
            try (var _ = Scope.open()) {
                assertThat(factors(rounded).get(name)).isEqualTo(Tensor.of(factors(one).get(name)).cast(DType.BF16).toFloatArray());
            }
            assertThat(rounded.parameters().get(name).value().dtype()).isEqualTo(DType.BF16);
        }
    }

    private static float[] logits(Decoder model) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                return model.logits(Tensor.of(new int[] {1, 7, 3, 30, 12, 9}, 2, 3)).toFloatArray();
            }
        });
    }

    @Test
    void newAdaptersChangeNothing() {
        try (Decoder plain = Decoder.create(CONFIG, new RandomWeights(CONFIG, 3), Device.cpu());
                Decoder model = adapted(Lora.USUAL, 5, DType.F32)) {
            assertThat(logits(model)).isEqualTo(logits(plain));
            model.setAdapterMerging(DType.F32);
            assertThat(logits(model)).isEqualTo(logits(plain));
        }
    }

    /** The weights by the formula, in a model without adapters. */
    @Test
    void aMergedModelHasTheBitsOfTheModelOfMergedWeights() {
        var lora = new Lora(3, 4.5, "layers\\.[02]");
        try (var _ = Scope.open();
                Decoder model = adapted(lora, 5, DType.F32)) {
            try (var _ = Scope.open()) {
                model.parameters().forEach((name, parameter) -> {
                    if (name.endsWith("lora_B.weight")) {
                        parameter.value().assign(Tensor.normal(7, name.hashCode(), parameter.value().shape().toArray()).mul(0.1));
                    }
                });
            }
            float[] beside = logits(model);
            model.setAdapterMerging(DType.BF16);
            float[] merged = logits(model);
            assertThat(model.projections()).hasSize(21);
            assertThat(model.projections().values().stream().filter(projection -> projection.update().isPresent())).hasSize(14);
            try (Decoder plain = Decoder.create(CONFIG, (name, _) -> {
                Linear projection = model.projections().get(name);
                return projection == null || projection.update().isEmpty() ? model.parameters().get(name).value().detach() : byHand(projection);
            }, Device.cpu())) {
                assertThat(logits(plain)).isEqualTo(merged).isNotEqualTo(beside);
            }
            model.setAdapterMerging(null);
            assertThat(logits(model)).isEqualTo(beside);
        }
    }

    private static Tensor byHand(Linear projection) {
        Tensor a = projection.update().orElseThrow().a().detach();
        Tensor b = projection.update().orElseThrow().b().detach();
        return projection.weight().value().detach().add(b.mul(1.5).matmul(a)).cast(DType.BF16);
    }
}
