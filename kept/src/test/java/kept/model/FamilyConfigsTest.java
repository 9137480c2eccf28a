package kept.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import kept.FamilyCheckpoint;
import kept.io.FileException;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Configurations of published models are read as transformers' classes read them. Unusual and broken variants have transformers' values, or are
 * refused in a line that names the key.
 */
class FamilyConfigsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String REMOVED = "(removed)";
    /** Published models that are refused, with the key that the line names. */
    private static final Map<String, String> REFUSED = Map.of("stablelm-2-12b", "use_parallel_residual", "OLMo-1.7-7B-hf", "clip_qkv",
            "OLMo-1B-0724-hf", "clip_qkv");
    private static final Map<String, Activation> ACTIVATIONS = Map.of("silu", Activation.SILU, "swish", Activation.SILU, "gelu", Activation.GELU,
            "gelu_new", Activation.GELU_TANH, "gelu_pytorch_tanh", Activation.GELU_TANH, "relu", Activation.RELU, "relu2", Activation.RELU_SQUARED);
    private static final Map<String, DType> DTYPES = Map.of("float32", DType.F32, "bfloat16", DType.BF16, "float16", DType.F16);

    @TempDir
    private Path folder;

    static List<Arguments> published() throws IOException {
        List<Arguments> all = new ArrayList<>();
        JSON.readTree(FamilyCheckpoint.resource("published.json").toFile()).properties()
                .forEach(entry -> all.add(Arguments.of(entry.getKey(), entry.getValue())));
        return all;
    }

    static List<Arguments> variants() throws IOException {
        List<Arguments> all = new ArrayList<>();
        for (Map.Entry<String, JsonNode> family : JSON.readTree(FamilyCheckpoint.resource("variants.json").toFile()).properties()) {
            for (JsonNode variant : family.getValue().get("variants")) {
                ObjectNode whole = variant.deepCopy();
                if (!variant.get("values").isNull()) {
                    whole.set("values", ((ObjectNode) family.getValue().get("values").deepCopy()).setAll((ObjectNode) variant.get("values")));
                }
                all.add(Arguments.of(family.getKey(), variant.get("changes").toString(), family.getValue().get("base"), whole));
            }
        }
        return all;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("published")
    void publishedConfigurationsHaveTransformersValues(String name, JsonNode expected) {
        Path file = FamilyCheckpoint.resource("configs/" + name + ".json");
        if (REFUSED.containsKey(name)) {
            assertThatExceptionOfType(FileException.class).isThrownBy(() -> DecoderConfig.read(file)).withMessageContaining(REFUSED.get(name));
        } else {
            assertThat(values(DecoderConfig.read(file))).isEqualTo(values(expected));
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("variants")
    void variantsHaveTransformersValuesOrAreRefusedByKey(String family, String changes, JsonNode base, JsonNode variant) throws IOException {
        ObjectNode json = base.deepCopy();
        List<String> named = new ArrayList<>();
        for (Map.Entry<String, JsonNode> change : variant.get("changes").properties()) {
            named.addAll(named(change.getKey(), change.getValue()));
            if (change.getValue().asText().equals(REMOVED)) {
                json.remove(change.getKey());
            } else {
                json.set(change.getKey(), change.getValue());
            }
        }
        Path file = Files.writeString(folder.resolve("config.json"), json.toString());
        String fate = variant.get("fate").asText();
        DecoderConfig config;
        try {
            config = DecoderConfig.read(file);
        } catch (FileException e) {
            assertThat(fate).as(e.getMessage()).isNotEqualTo("read");
            assertThat(e.getMessage().lines()).as("one line").hasSize(1);
            assertThat(e.getMessage()).contains("config.json").containsAnyOf(named.toArray(String[]::new));
            return;
        }
        if (fate.equals("refused")) {
            fail("read as %s", config);
        }
        assertThat(variant.get("values").isNull()).as("transformers reads it").isFalse();
        assertThat(values(config)).isEqualTo(values(variant.get("values")));
    }

    /** What a message may call a key. */
    private static List<String> named(String key, JsonNode value) {
        return switch (key) {
            case "architectures" -> List.of(value.path(0).asText());
            case "model_type" -> List.of(value.asText());
            case "head_dim" -> List.of(key, "head dimension");
            default -> List.of(key);
        };
    }

    /** The values in the words of the golden files. */
    private static Map<String, Object> values(DecoderConfig config) {
        var values = new TreeMap<String, Object>();
        values.put("vocab_size", config.vocabSize());
        values.put("hidden_size", config.hiddenSize());
        values.put("intermediate_size", config.intermediateSize());
        values.put("num_hidden_layers", config.layers());
        values.put("num_attention_heads", config.heads());
        values.put("num_key_value_heads", config.keyValueHeads());
        values.put("head_dim", config.headDimension());
        values.put("rotary_dimensions", config.rotaryDimension());
        values.put("hidden_act", config.activation());
        values.put("max_position_embeddings", config.maxPositions());
        values.put("norm_eps", config.normEps());
        values.put("rope_theta", config.ropeTheta());
        values.put("rope_type", switch (config.ropeScaling()) {
            case RopeScaling.None _ -> "default";
            case RopeScaling.Linear _ -> "linear";
            case RopeScaling.DynamicNtk _ -> "dynamic";
            case RopeScaling.Llama3 _ -> "llama3";
            case RopeScaling.Yarn _ -> "yarn";
            case RopeScaling.LongRope _ -> "longrope";
        });
        values.put("qkv_bias", config.attentionBias());
        values.put("attention_output_bias", config.attentionOutputBias());
        values.put("mlp_bias", config.mlpBias());
        values.put("tie_word_embeddings", config.tieWordEmbeddings());
        values.put("bos_token_id", config.bosTokenId());
        values.put("eos_token_id", config.eosTokenIds());
        values.put("pad_token_id", config.padTokenId());
        values.put("dtype", config.dtype());
        values.put("initializer_range", config.initializerRange());
        return values;
    }

    /** Golden values; a sliding window is the end of the longest text, and an absent type is float32. */
    private static Map<String, Object> values(JsonNode golden) {
        var values = new TreeMap<String, Object>();
        for (Map.Entry<String, JsonNode> entry : golden.properties()) {
            JsonNode value = entry.getValue();
            switch (entry.getKey()) {
                case "bos_token_id", "pad_token_id" ->
                    values.put(entry.getKey(), value.isNull() ? OptionalInt.empty() : OptionalInt.of(value.asInt()));
                case "eos_token_id" -> values.put(entry.getKey(), value.isNull() ? List.of()
                        : value.isArray() ? value.valueStream().map(JsonNode::asInt).toList() : List.of(value.asInt()));
                case "dtype" -> values.put("dtype", DTYPES.get(value.asText("float32")));
                case "hidden_act" -> values.put("hidden_act", ACTIVATIONS.get(value.asText()));
                case "norm_eps", "rope_theta", "initializer_range" -> values.put(entry.getKey(), value.asDouble());
                case "max_position_embeddings" -> values.put(entry.getKey(),
                        Math.min(value.asInt(), golden.get("sliding_window").asInt(Integer.MAX_VALUE)));
                case "clip_qkv", "sliding_window" -> { }
                default -> values.put(entry.getKey(),
                        value.isBoolean() ? (Object) value.asBoolean() : value.isTextual() ? value.asText() : value.asInt());
            }
        }
        return values;
    }
}
