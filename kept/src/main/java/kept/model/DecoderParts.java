package kept.model;

import java.util.Optional;
import kept.autograd.LowRankUpdate;
import kept.backend.BlockMatrix;
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
        return attention(layer, config, weights, null);
    }

    static Attention attention(int layer, DecoderConfig config, Weights weights, Lora adapters) {
        return new Attention(
                linear(TensorRole.QUERY, layer, config, weights, adapters),
                linear(TensorRole.KEY, layer, config, weights, adapters),
                linear(TensorRole.VALUE, layer, config, weights, adapters),
                linear(TensorRole.ATTENTION_OUTPUT, layer, config, weights, adapters),
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
        return mlp(layer, config, weights, null);
    }

    static SwiGlu mlp(int layer, DecoderConfig config, Weights weights, Lora adapters) {
        return new SwiGlu(
                linear(TensorRole.GATE, layer, config, weights, adapters),
                linear(TensorRole.UP, layer, config, weights, adapters),
                linear(TensorRole.DOWN, layer, config, weights, adapters));
    }

    /** A parameter's value. */
    static Tensor parameter(TensorName name, DecoderConfig config, Weights weights) {
        return weights.get(name.toString(), ModelTensor.shape(name.role(), config));
    }

    private static Linear linear(TensorRole role, int layer, DecoderConfig config, Weights weights, Lora adapters) {
        var name = new TensorName(role, layer);
        if (adapters == null) {
            Optional<BlockMatrix> blocks = weights.blocks(name.toString(), ModelTensor.shape(role, config));
            if (blocks.isPresent()) {
                return new Linear(blocks.get(), bias(name, config, weights));
            }
        }
        Tensor weight = parameter(name, config, weights);
        Tensor bias = bias(name, config, weights);
        if (adapters == null || !adapters.adapts(name)) {
            return new Linear(weight, bias);
        }
        return new Linear(weight, bias, new LowRankUpdate(factor(name, AdapterName.Factor.A, weight, weights, adapters),
                factor(name, AdapterName.Factor.B, weight, weights, adapters), adapters.scale()));
    }

    private static Tensor factor(TensorName weight, AdapterName.Factor factor, Tensor value, Weights weights, Lora adapters) {
        return weights.get(new AdapterName(weight, factor).toString(), adapters.shape(factor, value.shape()));
    }

    /** The bias beside a weight; null where the model has none. */
    private static Tensor bias(TensorName weight, DecoderConfig config, Weights weights) {
        return weight.role().bias().filter(role -> ModelTensor.exists(role, config))
                .map(role -> parameter(weight.beside(role), config, weights)).orElse(null);
    }
}
