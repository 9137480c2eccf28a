package kept.mapping;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A tensor filled with one value, without sources.
 *
 * @param method the method it belongs to
 * @param value the value
 */
public record Constant(String method, double value) implements Transform {
    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        return Tensor.full(value, DType.F32, shape);
    }
}
