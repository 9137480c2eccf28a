package kept.model;

import kept.nn.Attention;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.RmsNorm;
import kept.nn.SwiGlu;
import kept.tensor.Shape;

/** The parts of a decoder one by one, for whom a whole model would be too much at a time. Parameters belong to the current scope. */
public final class DecoderParts {
    private DecoderParts() {}

    /**
     * A norm of the configuration's architecture.
     *
     * @param name its name in checkpoints
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return a LayerNorm for an Orion, an RMSNorm for a Llama
     */
    public static Norm norm(String name, DecoderConfig config, Weights weights) {
        Shape shape = Shape.of(config.hiddenSize());
        return switch (config.architecture()) {
            case ORION -> new LayerNorm(weights.get(name + ".weight", shape), weights.get(name + ".bias", shape), config.normEps());
            case LLAMA -> new RmsNorm(weights.get(name + ".weight", shape), config.normEps());
        };
    }

    /**
     * A layer's attention.
     *
     * @param layer the layer's name in checkpoints, such as {@code model.layers.0}
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return the attention
     */
    public static Attention attention(String layer, DecoderConfig config, Weights weights) {
        long hidden = config.hiddenSize();
        long queries = (long) config.heads() * config.headDimension();
        long keys = (long) config.keyValueHeads() * config.headDimension();
        String name = layer + ".self_attn.";
        return new Attention(
                linear(name + "q_proj", queries, hidden, config.attentionBias(), weights),
                linear(name + "k_proj", keys, hidden, config.attentionBias(), weights),
                linear(name + "v_proj", keys, hidden, config.attentionBias(), weights),
                linear(name + "o_proj", hidden, queries, config.attentionBias(), weights),
                config.heads(), config.keyValueHeads(), config.headDimension());
    }

    /**
     * A layer's MLP.
     *
     * @param layer the layer's name in checkpoints
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return the gated feed-forward layer
     */
    public static SwiGlu mlp(String layer, DecoderConfig config, Weights weights) {
        long hidden = config.hiddenSize();
        String name = layer + ".mlp.";
        return new SwiGlu(
                linear(name + "gate_proj", config.intermediateSize(), hidden, config.mlpBias(), weights),
                linear(name + "up_proj", config.intermediateSize(), hidden, config.mlpBias(), weights),
                linear(name + "down_proj", hidden, config.intermediateSize(), config.mlpBias(), weights));
    }

    private static Linear linear(String name, long out, long in, boolean bias, Weights weights) {
        return new Linear(weights.get(name + ".weight", Shape.of(out, in)), bias ? weights.get(name + ".bias", Shape.of(out)) : null);
    }
}
