package kept.mapping;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A tensor of one value throughout, made of no source.
 *
 * @param method what it is a part of
 * @param value each element
 */
public record Constant(String method, double value) implements Transform {
    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        return Tensor.full(value, DType.F32, shape);
    }
}
