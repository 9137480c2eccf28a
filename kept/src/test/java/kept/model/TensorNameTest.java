package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorNameTest {
    private static final DecoderConfig CONFIG = DecoderConfig.builder(Architecture.LLAMA).vocabSize(8).hiddenSize(8).intermediateSize(8).layers(1)
            .heads(2).keyValueHeads(2).headDimension(4).build();
    /** The roles, what files may call them, the graph's own registrations, the files of a calibration, a message and an option's help. */
    private static final Set<String> KNOW_NAMES = Set.of("TensorRole.java", "TensorNames.java", "DecoderLayer.java", "OwnFiles.java",
            "ConfigNotes.java", "LoraOptions.java",
            // The first has modules of other names, the second a key of config.json.
            "Starcoder2Family.java", "StablelmFamily.java");

    @ParameterizedTest
    @CsvSource({
        "EMBEDDING, model.embed_tokens.weight, ",
        "INPUT_NORM_WEIGHT, model.layers.7.input_layernorm.weight, ",
        "INPUT_NORM_BIAS, model.layers.7.input_layernorm.bias, ",
        "QUERY, model.layers.7.self_attn.q_proj.weight, model.layers.7.input_layernorm.weight",
        "QUERY_BIAS, model.layers.7.self_attn.q_proj.bias, model.layers.7.input_layernorm.weight",
        "KEY, model.layers.7.self_attn.k_proj.weight, model.layers.7.input_layernorm.weight",
        "KEY_BIAS, model.layers.7.self_attn.k_proj.bias, model.layers.7.input_layernorm.weight",
        "VALUE, model.layers.7.self_attn.v_proj.weight, model.layers.7.input_layernorm.weight",
        "VALUE_BIAS, model.layers.7.self_attn.v_proj.bias, model.layers.7.input_layernorm.weight",
        "ATTENTION_OUTPUT, model.layers.7.self_attn.o_proj.weight, ",
        "ATTENTION_OUTPUT_BIAS, model.layers.7.self_attn.o_proj.bias, ",
        "POST_ATTENTION_NORM_WEIGHT, model.layers.7.post_attention_layernorm.weight, ",
        "POST_ATTENTION_NORM_BIAS, model.layers.7.post_attention_layernorm.bias, ",
        "GATE, model.layers.7.mlp.gate_proj.weight, model.layers.7.post_attention_layernorm.weight",
        "GATE_BIAS, model.layers.7.mlp.gate_proj.bias, model.layers.7.post_attention_layernorm.weight",
        "UP, model.layers.7.mlp.up_proj.weight, model.layers.7.post_attention_layernorm.weight",
        "UP_BIAS, model.layers.7.mlp.up_proj.bias, model.layers.7.post_attention_layernorm.weight",
        "DOWN, model.layers.7.mlp.down_proj.weight, ",
        "DOWN_BIAS, model.layers.7.mlp.down_proj.bias, ",
        "FINAL_NORM_WEIGHT, model.norm.weight, ",
        "FINAL_NORM_BIAS, model.norm.bias, ",
        "HEAD, lm_head.weight, model.norm.weight"})
    void aRoleAndALayerMakeTheNameThatTransformersGives(TensorRole role, String name, String norm) {
        var tensor = new TensorName(role, role.isInLayer() ? 7 : TensorName.NO_LAYER);
        assertThat(tensor).hasToString(name);
        assertThat(tensor.module()).isEqualTo(name.substring(0, name.lastIndexOf('.')));
        assertThat(TensorName.parse(name)).contains(tensor);
        if (norm == null) {
            assertThat(role.norm()).isEmpty();
            assertThatThrownBy(tensor::norm).isInstanceOf(NoSuchElementException.class);
        } else {
            assertThat(tensor.norm()).hasToString(norm);
        }
    }

    @ParameterizedTest
    @EnumSource(TensorRole.class)
    void aNameIsReadBackInEveryLayer(TensorRole role) {
        for (int layer : role.isInLayer() ? new int[] {0, 1, 9, 10, 39, 100, 999_999_999} : new int[] {TensorName.NO_LAYER}) {
            var tensor = new TensorName(role, layer);
            assertThat(TensorName.parse(tensor.toString())).contains(tensor);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "model", "model.", "model.layers", "model.layers.", "model.layers.0", "model.layers.0.", "model.layers.0.weight",
        "model.layers..self_attn.q_proj.weight", "model.layers.00.self_attn.q_proj.weight", "model.layers.01.self_attn.q_proj.weight",
        "model.layers.-1.self_attn.q_proj.weight", "model.layers.+1.self_attn.q_proj.weight", "model.layers.1x.self_attn.q_proj.weight",
        "model.layers.\u0661.self_attn.q_proj.weight", "model.layers.1000000000.self_attn.q_proj.weight",
        "model.layers.99999999999999999999.self_attn.q_proj.weight", "model.layers.0.q_proj.weight", "model.layers.0.self_attn.q_proj",
        "model.layers.0.self_attn.q_proj.weight.", "model.layers.0.self_attn.q_proj.weight ", " model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.Q_proj.weight", "model.layers.0.self_attn.q_proj.scale", "model.layers.0.layer.self_attn.q_proj.weight",
        "layers.0.self_attn.q_proj.weight", "layer.self_attn.q_proj.weight", "model.layer.self_attn.q_proj.weight", "model.norm", "model.norm.scale",
        "model.layers.0.norm.weight", "model.layers.0.model.norm.weight", "model.embed_tokens.bias", "model.embed_tokens.anchor",
        "embed_tokens.weight",
        "lm_head.bias", "lm_head", "model.lm_head.weight", "model.layers.0.mlp.anchor_neuron", "model.layers.0.input_layernorm.correction"})
    void whatNoDecoderHasHasNoRole(String name) {
        assertThat(TensorName.parse(name)).isEmpty();
        assertThatThrownBy(() -> new RandomWeights(CONFIG, 1).get(name, Shape.of(1)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'" + name + "'");
    }

    @Test
    void noOtherClassReadsOrWritesSuchNames() throws IOException {
        Pattern name = Pattern.compile("\"[^\"\n]*(_proj|_layernorm|embed_tokens|lm_head|model\\.layers|norm\\.weight)[^\"\n]*\"");
        try (var files = Files.walk(Path.of("src", "main", "java"))) {
            Set<String> found = new TreeSet<>();
            for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
                if (name.matcher(Files.readString(file)).find()) {
                    found.add(file.getFileName().toString());
                }
            }
            assertThat(found).isEqualTo(KNOW_NAMES);
        }
    }

    @Test
    void layersAndRolesGoTogether() {
        assertThatThrownBy(() -> new TensorName(TensorRole.HEAD, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TensorName.of(TensorRole.UP)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new TensorName(TensorRole.UP, -2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TensorName.of(TensorRole.HEAD).beside(TensorRole.UP)).isInstanceOf(IllegalArgumentException.class);
        assertThat(new TensorName(TensorRole.UP, 3).beside(TensorRole.DOWN)).hasToString("model.layers.3.mlp.down_proj.weight");
        assertThat(new TensorName(TensorRole.UP, 3).beside(TensorRole.HEAD)).hasToString("lm_head.weight");
    }

    @Test
    void everyRoleIsAWeightOrABiasOfOne() {
        Set<TensorRole> withoutBias = Stream.of(TensorRole.values()).filter(role -> role.bias().isEmpty()).collect(Collectors.toSet());
        assertThat(withoutBias).containsExactlyInAnyOrder(TensorRole.EMBEDDING, TensorRole.HEAD);
        for (TensorRole role : TensorRole.values()) {
            assertThat(role.weight().isBias()).isFalse();
            assertThat(role.isBias()).isEqualTo(role.weight() != role).isEqualTo(role.name().endsWith("_BIAS"));
            role.bias().ifPresent(bias -> assertThat(bias.weight()).isEqualTo(role.weight()));
            assertThat(role.isNorm()).as(role.name()).isEqualTo(role.name().contains("NORM"));
        }
        assertThat(TensorRole.values()).filteredOn(TensorRole::writesToStream).containsExactly(TensorRole.ATTENTION_OUTPUT,
                TensorRole.ATTENTION_OUTPUT_BIAS, TensorRole.DOWN, TensorRole.DOWN_BIAS);
    }
}
