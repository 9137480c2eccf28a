package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import kept.io.JsonObject;

/** OLMo 1 (arXiv 2402.00838): LayerNorm without parameters, usually no biases at all. */
final class OlmoFamily extends Family {
    OlmoFamily() {
        super("OLMo", "olmo", "OlmoForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.LAYER_WITHOUT_PARAMETERS;
    }

    @Override
    Optional<String> normEpsKey() {
        return Optional.empty();
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.empty(), List.of(50_279), OptionalInt.of(1));
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(2048).normEps(FIXED_EPSILON);
    }

    @Override
    Set<String> keys() {
        return Set.of("attention_bias", "clip_qkv");
    }

    @Override
    void refuse(JsonObject json) {
        if (json.has("clip_qkv")) {
            throw json.error("clip_qkv", "is %s: the model clips queries, keys and values, which no Llama does; models with null can be read"
                .formatted(json.number("clip_qkv")));
        }
    }

    @Override
    void read(JsonObject json, DecoderConfigBuilder builder) {
        builder.attentionBias(json.flag("attention_bias", false));
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("attention_bias", config.attentionBias());
        json.put("clip_qkv", null);
        putHeadDimension(config, json);
    }

    @Override
    void check(Biases biases) {
        super.check(biases);
        require(!biases.mlp(), "OLMo's MLP has no biases");
    }

    @Override
    Optional<String> biasKey(TensorRole bias) {
        return super.biasKey(bias).filter(keys()::contains);
    }
}
