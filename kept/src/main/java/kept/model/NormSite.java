package kept.model;

import java.util.List;
import kept.nn.Linear;
import kept.nn.Norm;

/**
 * A norm of a decoder and the projections that read its output.
 *
 * @param name its name in checkpoints, such as {@code model.layers.0.input_layernorm} or {@code model.norm}
 * @param norm the norm
 * @param projections the projections that read its output, in the order of the forward pass: queries, keys and values, or gate and up, or the head
 */
public record NormSite(String name, Norm norm, List<Linear> projections) {
    /** Copies the list. */
    public NormSite {
        projections = List.copyOf(projections);
    }
}
