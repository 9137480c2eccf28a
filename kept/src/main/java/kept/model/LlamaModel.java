package kept.model;

import kept.nn.Norm;
import kept.nn.RmsNorm;
import kept.tensor.Scope;
import kept.tensor.Shape;

/** Llama's decoder (arXiv 2302.13971): the common graph with RMSNorm. */
public final class LlamaModel extends Decoder {
    LlamaModel(DecoderConfig config, Weights weights, Scope scope) {
        super(config, weights, LlamaModel::norm, scope);
    }

    private static Norm norm(String name, DecoderConfig config, Weights weights) {
        return new RmsNorm(weights.get(name + ".weight", Shape.of(config.hiddenSize())), config.normEps());
    }
}
