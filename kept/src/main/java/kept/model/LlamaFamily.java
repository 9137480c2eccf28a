package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Llama (arXiv 2302.13971): RMSNorm with weight; projections have biases if the configuration says so. */
final class LlamaFamily extends Family {
    LlamaFamily() {
        super("Llama", "llama", "LlamaForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.RMS;
    }

    @Override
    Optional<String> normEpsKey() {
        return Optional.of("rms_norm_eps");
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.of(1), List.of(2), OptionalInt.empty());
    }

    @Override
    List<String> positionKeys() {
        return List.of("max_position_embeddings", "max_sequence_length");
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(2048).normEps(1e-6);
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("attention_bias", config.attentionBias());
        json.put("attention_dropout", 0.0);
        json.put("mlp_bias", config.mlpBias());
        json.put("pretraining_tp", 1);
        putHeadDimension(config, json);
    }
}
