package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The bias of a projection whose norm loses its bias: {@code W b}, the projection of the norm's bias. Sources: W, b. */
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
