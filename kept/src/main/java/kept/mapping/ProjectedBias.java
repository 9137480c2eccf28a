package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The bias of a projection whose norm loses its bias: {@code W b}, the projection of the norm's bias, plus the projection's own bias where it has
 * one. Sources: W, b, and the own bias if there is one.
 */
public record ProjectedBias() implements Transform {
    @Override
    public String method() {
        return "bias";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        double[] bias = MatrixRows.times(sources.getFirst(), sources.get(1));
        if (sources.size() > 2) {
            float[] own = sources.get(2).toFloatArray();
            for (int i = 0; i < bias.length; i++) {
                bias[i] += own[i];
            }
        }
        return MatrixRows.tensor(bias, shape);
    }
}
