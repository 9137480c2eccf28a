package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** What a projection makes of the bias of the norm before it, {@code W b}: the bias that the projection gets when the norm loses its own. Of W, b. */
public record ProjectedBias() implements Transform {
    @Override
    public String method() {
        return "bias";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        return MatrixRows.tensor(MatrixRows.times(sources.getFirst(), sources.getLast()), shape);
    }
}
