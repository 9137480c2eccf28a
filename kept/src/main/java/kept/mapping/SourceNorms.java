package kept.mapping;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.model.Decoder;
import kept.nn.LayerNorm;

/** The norms of a source. */
final class SourceNorms {
    private SourceNorms() {}

    /**
     * The norms by their names in checkpoints.
     *
     * @param model a model whose norms are LayerNorms
     * @return two for each layer and the final one, in the order of the graph
     */
    static SequencedMap<String, LayerNorm> of(Decoder model) {
        SequencedMap<String, LayerNorm> norms = new LinkedHashMap<>();
        model.norms().forEach(site -> norms.put(site.name(), (LayerNorm) site.norm()));
        return norms;
    }
}
