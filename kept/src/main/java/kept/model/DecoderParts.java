package kept.model;

import kept.nn.Attention;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.RmsNorm;
import kept.nn.SwiGlu;
import kept.tensor.Tensor;

/** Creates parts of a decoder individually, when a whole model would need too much memory. The current scope owns the parameters. */
public final class DecoderParts {
    private DecoderParts() {}

    /**
     * Creates a norm of the configuration's architecture.
     *
     * @param weight the name of its weight
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return a LayerNorm for Orion, an RMSNorm for Llama
     */
    public static Norm norm(TensorName weight, DecoderConfig config, Weights weights) {
        Tensor scale = parameter(weight, config, weights);
        return switch (config.architecture()) {
            case ORION -> new LayerNorm(scale, bias(weight, config, weights), config.normEps());
            case LLAMA -> new RmsNorm(scale, config.normEps());
        };
    }

    /**
     * Creates the attention of a layer.
     *
     * @param layer which, from 0
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return the attention
     */
    public static Attention attention(int layer, DecoderConfig config, Weights weights) {
        return new Attention(
                linear(TensorRole.QUERY, layer, config, weights),
                linear(TensorRole.KEY, layer, config, weights),
                linear(TensorRole.VALUE, layer, config, weights),
                linear(TensorRole.ATTENTION_OUTPUT, layer, config, weights),
                config.heads(), config.keyValueHeads(), config.headDimension());
    }

    /**
     * Creates the MLP of a layer.
     *
     * @param layer which, from 0
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return the SwiGLU feed-forward layer
     */
    public static SwiGlu mlp(int layer, DecoderConfig config, Weights weights) {
        return new SwiGlu(
                linear(TensorRole.GATE, layer, config, weights),
                linear(TensorRole.UP, layer, config, weights),
                linear(TensorRole.DOWN, layer, config, weights));
    }

    /** A parameter's value. */
    static Tensor parameter(TensorName name, DecoderConfig config, Weights weights) {
        return weights.get(name.toString(), ModelTensor.shape(name.role(), config));
    }

    private static Linear linear(TensorRole role, int layer, DecoderConfig config, Weights weights) {
        var name = new TensorName(role, layer);
        return new Linear(parameter(name, config, weights), bias(name, config, weights));
    }

    /** The bias beside a weight; null where the model has none. */
    private static Tensor bias(TensorName weight, DecoderConfig config, Weights weights) {
        return weight.role().bias().filter(role -> ModelTensor.exists(role, config))
                .map(role -> parameter(weight.beside(role), config, weights)).orElse(null);
    }
}
