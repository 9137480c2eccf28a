package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import kept.nn.Activation;

/**
 * Nemotron-3, Nemotron-4 and Minitron (arXiv 2402.16819, 2407.14679): LayerNorm whose gain is the weight plus one, an MLP without a gate and with
 * squared ReLU, rotary positions on half of each head.
 */
final class NemotronFamily extends Family {
    NemotronFamily() {
        super("Nemotron", "nemotron", "NemotronForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.LAYER_AROUND_ONE;
    }

    @Override
    boolean isGated() {
        return false;
    }

    @Override
    Optional<String> normEpsKey() {
        return Optional.of("norm_eps");
    }

    @Override
    boolean hasUnevenHeads() {
        return true;
    }

    @Override
    OptionalDouble rotaryFactor() {
        return OptionalDouble.of(0.5);
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.of(2), List.of(3), OptionalInt.empty());
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(4096).normEps(1e-5).activation(Activation.RELU_SQUARED).initializerRange(0.0134);
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("attention_bias", config.attentionBias());
        json.put("mlp_bias", config.mlpBias());
        putHeadDimension(config, json);
    }
}
