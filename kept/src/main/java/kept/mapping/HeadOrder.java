package kept.mapping;

import java.util.List;
import kept.model.PartialRotation;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A tensor of queries or keys, {@code [heads * D, ...]}, whose rows are in the order in which a Llama rotates them ({@link PartialRotation}).
 *
 * @param inner computes the tensor in the source's order
 * @param rotation the features of a head that are rotated
 */
public record HeadOrder(Transform inner, PartialRotation rotation) implements Transform {
    @Override
    public String method() {
        return "rotary";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor given = inner.apply(sources, shape);
        int[] order = rotation.order();
        long width = order.length;
        long heads = shape.size(0) / width;
        long columns = shape.elementCount() / shape.size(0);
        Tensor from = given.reshape(heads, width, columns);
        Tensor result = Tensor.empty(given.dtype(), shape);
        Tensor to = result.reshape(heads, width, columns);
        for (int feature = 0; feature < width; feature++) {
            to.slice(1, feature, feature + 1).assign(from.slice(1, order[feature], order[feature] + 1));
        }
        return result;
    }
}
