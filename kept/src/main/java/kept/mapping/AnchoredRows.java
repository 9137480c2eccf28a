package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * An embedding whose rows all have the same mean, the anchor. Sources: the embedding {@code [vocabulary, hidden]}, and the anchor {@code [1]}, which
 * calibration chose.
 */
public record AnchoredRows() implements Transform {
    @Override
    public String method() {
        return "calibrated";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        return new CentredRows(1, sources.get(1).item()).apply(sources.subList(0, 1), shape);
    }
}
