package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import kept.io.JsonObject;
import kept.nn.Activation;

/**
 * StarCoder2 (arXiv 2402.19173): LayerNorm with weight and bias, biases in all projections or in none, an MLP without a gate. A sliding window is
 * taken as the end of the longest text.
 */
final class Starcoder2Family extends Family {
    Starcoder2Family() {
        super("StarCoder2", "starcoder2", "Starcoder2ForCausalLM");
    }

    @Override
    NormKind norm() {
        return NormKind.LAYER;
    }

    @Override
    boolean isGated() {
        return false;
    }

    @Override
    Map<TensorRole, String> modules() {
        return Map.of(TensorRole.UP, "mlp.c_fc", TensorRole.DOWN, "mlp.c_proj");
    }

    @Override
    Optional<String> normEpsKey() {
        return Optional.of("norm_epsilon");
    }

    @Override
    SpecialTokens tokens() {
        return new SpecialTokens(OptionalInt.of(50_256), List.of(50_256), OptionalInt.empty());
    }

    @Override
    int keyValueHeads(int heads) {
        return 2;
    }

    @Override
    boolean endsAtWindow() {
        return true;
    }

    @Override
    void putDefaults(DecoderConfigBuilder builder) {
        builder.maxPositions(4096).normEps(1e-5).activation(Activation.GELU_TANH).attentionBias(true).mlpBias(true).tieWordEmbeddings(true)
            .initializerRange(0.018042);
    }

    @Override
    Set<String> keys() {
        return Set.of("use_bias");
    }

    @Override
    void read(JsonObject json, DecoderConfigBuilder builder) {
        boolean bias = json.flag("use_bias", true);
        builder.attentionBias(bias).mlpBias(bias);
    }

    @Override
    void write(DecoderConfig config, Map<String, Object> json) {
        json.put("use_bias", config.mlpBias());
        json.put("sliding_window", null);
        putHeadDimension(config, json);
    }

    @Override
    void check(Biases biases) {
        require(biases.attentionOutput() == biases.attention() && biases.mlp() == biases.attention(),
            "StarCoder2 has biases in all projections or in none");
    }

    @Override
    Optional<String> biasKey(TensorRole bias) {
        return super.biasKey(bias).map(_ -> "use_bias");
    }
}
