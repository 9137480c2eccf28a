package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A computation with the gain of a LayerNorm whose weight is the gain minus one.
 *
 * @param inner the computation
 * @param source the index of the norm's weight among its sources, which it gets as the gain
 */
public record AroundOne(Transform inner, int source) implements Transform {
    @Override
    public String method() {
        return inner.method();
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        List<Tensor> gained = new ArrayList<>(sources);
        gained.set(source, sources.get(source).add(1));
        return inner.apply(gained, shape);
    }
}
