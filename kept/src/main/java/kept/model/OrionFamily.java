package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import kept.nn.Activation;

/** Orion-14B (arXiv 2401.12246): LayerNorm with weight and bias, no other biases. */
final class OrionFamily extends Family {
    OrionFamily() {
        super("Orion", "orion", "OrionForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.LAYER;
    }

    @Override
    Set<Activation> activations() {
        return Set.of(Activation.SILU);
    }

    /** Orion's configuration has the LayerNorm's epsilon under this key. */
    @Override
    Optional<String> normEpsKey() {
        return Optional.of("rms_norm_eps");
    }

    @Override
    boolean hasFreeHeads() {
        return false;
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.of(1), List.of(2), OptionalInt.of(0));
    }

    @Override
    List<String> positionKeys() {
        return List.of("max_position_embeddings", "max_sequence_length");
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(4096).normEps(1e-5);
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("max_sequence_length", config.maxPositions());
        json.put("pretraining_tp", 1);
    }

    @Override
    void check(Biases biases) {
        require(!biases.attention() && !biases.mlp(), "Orion has no attention_bias and no mlp_bias");
    }

    @Override
    Optional<String> biasKey(TensorRole bias) {
        return Optional.empty();
    }

    @Override
    Set<String> ownCode() {
        return Set.of("modeling_orion.OrionForCausalLM", "modeling_orion.OrionModel", "configuration_orion.OrionConfig",
                "modeling_orion.OrionForSequenceClassification");
    }
}
