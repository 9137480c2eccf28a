package kept.mapping;

import java.util.List;
import kept.model.HeadPadding;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A tensor of all heads, with zeros for the heads that only the target has ({@link HeadPadding}).
 *
 * @param inner computes the tensor of the source's heads
 * @param padding the heads of both
 * @param axis the axis of the heads: 0 for queries, 1 for the input of the output projection
 */
public record PaddedHeads(Transform inner, HeadPadding padding, int axis) implements Transform {
    @Override
    public String method() {
        return inner.method();
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        long width = shape.size(axis) / padding.groups();
        long own = width / padding.padded() * padding.heads();
        Tensor given = inner.apply(sources, shape.with(axis, padding.groups() * own));
        Tensor result = Tensor.full(0, given.dtype(), shape);
        long before = axis == 0 ? padding.groups() : shape.size(0) * padding.groups();
        long after = axis == 0 ? shape.elementCount() / shape.size(0) : 1;
        result.reshape(before, width, after).slice(1, 0, own).assign(given.reshape(before, own, after));
        return result;
    }
}
