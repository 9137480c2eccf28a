package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import kept.io.JsonObject;

/** StableLM 3B and StableLM 2 1.6B (arXiv 2402.17834): LayerNorm with weight and bias, rotary positions on a part of each head. */
final class StablelmFamily extends Family {
    StablelmFamily() {
        super("StableLM", "stablelm", "StableLmForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.LAYER;
    }

    @Override
    Optional<String> normEpsKey() {
        return Optional.of("layer_norm_eps");
    }

    @Override
    boolean hasFreeHeads() {
        return false;
    }

    @Override
    OptionalDouble rotaryFactor() {
        return OptionalDouble.of(0.25);
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.of(0), List.of(0), OptionalInt.empty());
    }

    @Override
    int keyValueHeads(int heads) {
        return 32;
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(4096).normEps(1e-5);
    }

    @Override
    Set<String> keys() {
        return Set.of("use_qkv_bias", "qk_layernorm", "use_parallel_residual");
    }

    @Override
    void refuse(JsonObject json) {
        if (json.flag("use_parallel_residual", false)) {
            throw json.error("use_parallel_residual", "is true: attention and MLP read the same stream, which no Llama does; models whose blocks "
                + "follow one another can be read");
        }
        if (json.flag("qk_layernorm", false)) {
            throw json.error("qk_layernorm", "is true: queries and keys are normalised, which no Llama does; models without these norms can be read");
        }
    }

    @Override
    void read(JsonObject json, DecoderConfigBuilder builder) {
        builder.attentionBias(json.flag("use_qkv_bias", false)).attentionOutputBias(false);
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("use_qkv_bias", config.attentionBias());
        json.put("use_parallel_residual", false);
        json.put("qk_layernorm", false);
    }

    @Override
    void check(Biases biases) {
        require(!biases.attentionOutput() && !biases.mlp(), "StableLM has biases in q, k and v only");
    }

    @Override
    Optional<String> biasKey(TensorRole bias) {
        return switch (bias) {
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS -> Optional.of("use_qkv_bias");
            default -> Optional.empty();
        };
    }
}
