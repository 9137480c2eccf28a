package kept.model;

import java.util.Optional;
import kept.autograd.LowRankUpdate;
import kept.backend.BlockMatrix;
import kept.nn.Activation;
import kept.nn.Attention;
import kept.nn.FeedForward;
import kept.nn.GatedFeedForward;
import kept.nn.LayerNorm;
import kept.nn.Linear;
import kept.nn.Norm;
import kept.nn.PlainFeedForward;
import kept.nn.RmsNorm;
import kept.nn.SwiGlu;
import kept.tensor.Tensor;

/** Creates parts of a decoder individually, when a whole model would need too much memory. The current scope owns the parameters. */
public final class DecoderParts {
    private DecoderParts() {}

    /**
     * Creates a norm of the configuration's architecture.
     *
     * @param weight the norm, by its weight, which it need not have
     * @param config the model's sizes
     * @param weights the parameters' values
     * @return a norm of the architecture's kind
     */
    public static Norm norm(TensorName weight, DecoderConfig config, Weights weights) {
        double epsilon = config.normEps();
        return switch (config.architecture().norm()) {
            case RMS -> new RmsNorm(parameter(weight, config, weights), epsilon);
            case LAYER -> new LayerNorm(parameter(weight, config, weights), bias(weight, config, weights), epsilon);
            case LAYER_AROUND_ONE -> LayerNorm.aroundOne(parameter(weight, config, weights), bias(weight, config, weights), epsilon);
            case LAYER_WITHOUT_PARAMETERS -> LayerNorm.withoutParameters(config.hiddenSize(), epsilon);
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
     * @return the feed-forward layer
     */
    public static FeedForward mlp(int layer, DecoderConfig config, Weights weights) {
        return mlp(layer, config, weights, null);
    }

    static FeedForward mlp(int layer, DecoderConfig config, Weights weights, Lora adapters) {
        if (!config.architecture().isGated()) {
            return new PlainFeedForward(config.activation(),
                    nameInMlp(TensorRole.UP, config), linear(TensorRole.UP, layer, config, weights, adapters),
                    nameInMlp(TensorRole.DOWN, config), linear(TensorRole.DOWN, layer, config, weights, adapters));
        }
        Linear gate = linear(TensorRole.GATE, layer, config, weights, adapters);
        Linear up = linear(TensorRole.UP, layer, config, weights, adapters);
        Linear down = linear(TensorRole.DOWN, layer, config, weights, adapters);
        return config.activation() == Activation.SILU ? new SwiGlu(gate, up, down) : new GatedFeedForward(config.activation(), gate, up, down);
    }

    /** The last part of a module's name. */
    private static String nameInMlp(TensorRole role, DecoderConfig config) {
        String name = config.architecture().family().modules().getOrDefault(role, role.moduleInLayer());
        return name.substring(name.lastIndexOf('.') + 1);
    }

    /** A parameter's value. */
    static Tensor parameter(TensorName name, DecoderConfig config, Weights weights) {
        return weights.get(config.architecture().name(name), ModelTensor.shape(name.role(), config));
    }

    private static Linear linear(TensorRole role, int layer, DecoderConfig config, Weights weights, Lora adapters) {
        var name = new TensorName(role, layer);
        if (adapters == null) {
            Optional<BlockMatrix> blocks = weights.blocks(config.architecture().name(name), ModelTensor.shape(role, config));
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
