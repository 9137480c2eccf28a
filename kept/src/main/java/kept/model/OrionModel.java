package kept.model;

import kept.tensor.Scope;

/** Orion-14B's decoder (arXiv 2401.12246): the common graph with LayerNorm, whose weight and bias lie beside each other in checkpoints. */
public final class OrionModel extends Decoder {
    OrionModel(DecoderConfig config, Weights weights, Scope scope) {
        super(config, weights, DecoderParts::norm, scope);
    }
}
