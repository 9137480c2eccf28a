package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MappingTest {
    @TempDir
    private Path directory;

    @Test
    void everyTensorOfSourceAndTargetIsAccountedForOnce() {
        Path source = Fixtures.path("orion-bf16-sharded");
        Mapping mapping = Mapping.opm(DecoderConfig.read(source));
        mapping.requireComplete();
        Set<String> reached = new HashSet<>();
        mapping.rows().forEach(row -> reached.addAll(row.sources()));
        mapping.dropped().forEach(tensor -> reached.add(tensor.source()));
        try (var checkpoint = Checkpoint.open(source)) {
            assertThat(reached).containsExactlyInAnyOrderElementsOf(checkpoint.names());
        }
        assertThat(mapping.rows()).hasSize(9 * 2 + 3);
        assertThat(mapping.dropped()).hasSize(2 * 2 + 1).allMatch(tensor -> tensor.source().endsWith("norm.bias"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"opm", "ones", "centred"})
    void everyMappingIsCompleteUnderItsName(String name) {
        Mapping mapping = Mapping.named(name, DecoderConfig.read(Fixtures.path("orion-safetensors")));
        mapping.requireComplete();
        assertThat(mapping.name()).isEqualTo(name);
    }

    @Test
    void onesKeepsNothingOfTheNormsAndAllElse() {
        Path source = Fixtures.path("orion-safetensors");
        Mapping mapping = Mapping.named("ones", DecoderConfig.read(source));
        try (var checkpoint = Checkpoint.open(source);
                var _ = Scope.open()) {
            var weights = new CheckpointWeights(checkpoint);
            var mapped = new MappedWeights(mapping, weights, DType.F32);
            for (TensorMapping row : mapping.rows()) {
                float[] values = mapped.get(row.target(), row.shape()).toFloatArray();
                if (row.target().contains("norm.")) {
                    assertThat(values).as(row.target()).containsOnly(1);
                } else {
                    assertThat(values).as(row.target()).isEqualTo(weights.get(row.target(), row.shape()).toFloatArray());
                }
            }
        }
    }

    @Test
    void aCalibratedTableAccountsForWhatIsMeasuredToo() {
        Mapping mapping = Mapping.named("calibrated", DecoderConfig.read(Fixtures.path("orion-bf16-sharded")));
        mapping.requireComplete();
        assertThat(mapping.measured()).hasSize(1 + 2 * 2 + 1 + 2 * 2);
        assertThat(mapping.rows()).hasSize(9 * 2 + 3);
        assertThat(row(mapping, "model.layers.1.self_attn.v_proj.weight").sources())
                .containsExactly("model.layers.1.self_attn.v_proj.weight", "model.layers.1.input_layernorm.correction");
        assertThat(row(mapping, "model.layers.0.mlp.up_proj.weight").sources())
                .containsExactly("model.layers.0.mlp.up_proj.weight", "model.layers.0.post_attention_layernorm.correction",
                        "model.layers.0.mlp.anchor_reader", "model.layers.0.mlp.anchor_neuron");
        assertThat(row(mapping, "lm_head.weight").sources()).containsExactly("lm_head.weight", "model.norm.correction");
        Mapping broken = new Mapping("calibrated", mapping.source(), mapping.target(), mapping.rows(), mapping.dropped());
        assertThatThrownBy(broken::requireComplete).isInstanceOf(MappingException.class).hasMessageContaining("model.norm.correction");
    }

    private static TensorMapping row(Mapping mapping, String target) {
        return mapping.rows().stream().filter(row -> row.target().equals(target)).findFirst().orElseThrow();
    }

    @Test
    void aCorrectedProjectionReadsWhatTheCorrectionMakesOfItsInput() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
            Tensor correction = Tensor.of(new float[] {0.5f, -1, 0, 2}, 2, 2);
            Tensor y = Tensor.of(new float[] {3, 5}, 2, 1);
            Tensor corrected = new Corrected().apply(List.of(weight, correction), weight.shape());
            assertThat(corrected.matmul(y).toFloatArray()).containsExactly(weight.matmul(y.add(correction.matmul(y))).toFloatArray());
        }
    }

    @Test
    void aNeuronThatRenewsTheAnchorTakesTheRowsAndTheColumnOfAnother() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.of(new float[] {1, 2, 3, 4, 5, 7}, 3, 2);
            Tensor correction = Tensor.of(new float[] {1, 0, 0, 1}, 2, 2);
            Tensor rows = Tensor.of(new float[] {10, 11, 20, 21}, 2, 2);
            Tensor second = Tensor.of(new float[] {1}, 1);
            Tensor none = Tensor.of(new float[] {-1}, 1);
            assertThat(new AnchoringReader(0).apply(List.of(weight, correction, rows, second), weight.shape()).toFloatArray())
                    .containsExactly(2, 4, 10, 11, 10, 14);
            assertThat(new AnchoringReader(1).apply(List.of(weight, correction, rows, second), weight.shape()).toFloatArray())
                    .containsExactly(2, 4, 20, 21, 10, 14);
            assertThat(new AnchoringReader(1).apply(List.of(weight, correction, rows, none), weight.shape()).toFloatArray())
                    .containsExactly(2, 4, 6, 8, 10, 14);
            assertThat(new AnchoringOutputs().apply(List.of(weight, second), weight.shape()).toFloatArray())
                    .containsExactly(-2, 1, 0, 1, 2, 1);
            assertThat(new AnchoringOutputs().apply(List.of(weight, none), weight.shape()).toFloatArray())
                    .containsExactly(new CentredOutputs(1).apply(List.of(weight), weight.shape()).toFloatArray());
        }
    }

    @Test
    void aTableThatForgetsATensorIsRefused() {
        Mapping whole = Mapping.opm(DecoderConfig.read(Fixtures.path("orion-safetensors")));
        List<TensorMapping> rows = new ArrayList<>(whole.rows());
        rows.remove(4);
        Mapping broken = new Mapping("opm", whole.source(), whole.target(), rows, whole.dropped());
        assertThatThrownBy(broken::requireComplete).isInstanceOf(MappingException.class).hasMessageContaining(whole.rows().get(4).target());
    }

    @Test
    void aLlamaIsNothingToMap() {
        DecoderConfig llama = DecoderConfig.read(Fixtures.path("llama"));
        assertThatThrownBy(() -> Mapping.opm(llama)).isInstanceOf(MappingException.class)
                .hasMessageContaining("is a LlamaForCausalLM already: nothing to map");
    }

    @Test
    void theConvertedBytesAreTheSourceBytes() {
        Path source = Fixtures.path("orion-bf16-sharded");
        Mapping mapping = Mapping.opm(DecoderConfig.read(source));
        try (var checkpoint = Checkpoint.open(source)) {
            new Conversion(mapping, checkpoint, null, CheckpointWriter.DEFAULT_SHARD_BYTES).write(directory, bytes -> {});
            try (var converted = Checkpoint.open(directory)) {
                assertThat(converted.names()).hasSameSizeAs(mapping.rows());
                for (String name : converted.names()) {
                    assertThat(converted.entry(name).dtype()).isEqualTo(DType.BF16);
                    assertThat(converted.data(name).mismatch(checkpoint.data(name))).as(name).isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void aConvertedDtypeIsRoundedToNearestEven() {
        Path source = Fixtures.path("orion-safetensors");
        Mapping mapping = Mapping.opm(DecoderConfig.read(source));
        String name = "model.norm.weight";
        try (var checkpoint = Checkpoint.open(source)) {
            new Conversion(mapping, checkpoint, DType.BF16, CheckpointWriter.DEFAULT_SHARD_BYTES).write(directory, bytes -> {});
            try (var converted = Checkpoint.open(directory)) {
                for (int i = 0; i < 32; i++) {
                    int bits = checkpoint.data(name).get(ValueLayout.JAVA_INT_UNALIGNED, 4L * i);
                    int rounded = (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
                    assertThat(converted.data(name).get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i) & 0xffff).isEqualTo(rounded & 0xffff);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"orion-safetensors", "llama", "llama-gqa-tied", "llama-biases"})
    void theListOfAModelsTensorsIsThatOfItsGraph(String fixture) {
        DecoderConfig config = DecoderConfig.read(Fixtures.path(fixture));
        try (Decoder model = Decoder.create(config, (name, shape) -> Tensor.full(0, DType.F32, shape), Device.cpu())) {
            List<String> graph = model.parameters().entrySet().stream()
                    .map(entry -> entry.getKey() + " " + entry.getValue().value().shape()).toList();
            assertThat(ModelTensor.of(config)).map(tensor -> tensor.name() + " " + tensor.shape()).containsExactlyElementsOf(graph);
        }
    }
}
