package kept.model;

import java.util.LinkedHashMap;
import java.util.Map;
import kept.nn.LayerNorm;
import kept.tensor.Scope;

/** Orion-14B's decoder (arXiv 2401.12246): the shared decoder with LayerNorm. */
public final class OrionModel extends Decoder {
    OrionModel(DecoderConfig config, Weights weights, Lora adapters, Scope scope) {
        super(config, weights, DecoderParts::norm, adapters, scope);
    }

    /**
     * The norms by their names in checkpoints.
     *
     * @return two for each layer and the final one, in the order of the graph
     */
    public Map<String, LayerNorm> layerNorms() {
        Map<String, LayerNorm> norms = new LinkedHashMap<>();
        norms().forEach(site -> norms.put(site.name(), (LayerNorm) site.norm()));
        return norms;
    }
}
