package kept.model;

import kept.nn.LayerNorm;
import kept.nn.Norm;
import kept.tensor.Scope;
import kept.tensor.Shape;

/** Orion-14B's decoder (arXiv 2401.12246): the common graph with LayerNorm, whose weight and bias lie beside each other in checkpoints. */
public final class OrionModel extends Decoder {
    OrionModel(DecoderConfig config, Weights weights, Scope scope) {
        super(config, weights, OrionModel::norm, scope);
    }

    private static Norm norm(String name, DecoderConfig config, Weights weights) {
        Shape shape = Shape.of(config.hiddenSize());
        return new LayerNorm(weights.get(name + ".weight", shape), weights.get(name + ".bias", shape), config.normEps());
    }
}
