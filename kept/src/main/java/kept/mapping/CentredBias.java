package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The bias of a projection whose outputs are centred ({@link CentredOutputs}): {@code scale (x - mean(x))}.
 *
 * @param scale the factor of the projection
 */
public record CentredBias(double scale) implements Transform {
    @Override
    public String method() {
        return "centring";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor row = sources.getFirst().reshape(1, shape.elementCount());
        return new CentredRows(scale, 0).apply(List.of(row), row.shape()).reshape(shape);
    }
}
