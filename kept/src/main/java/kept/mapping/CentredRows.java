package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * An embedding whose rows all have a given mean: {@code y = scale (x - mean(x)) + anchor}. LayerNorm ignores the mean of its input, so with {@code
 * scale = 1} the model's function stays the same for any anchor.
 *
 * @param scale a factor of the centred rows
 * @param anchor the new mean
 */
public record CentredRows(double scale, double anchor) implements Transform {
    @Override
    public String method() {
        return "centring";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        return MatrixRows.map(sources.getFirst(), (_, values, start, columns) -> {
            double mean = MatrixRows.mean(values, start, columns);
            for (int i = start; i < start + columns; i++) {
                values[i] = (float) (scale * (values[i] - mean) + anchor);
            }
        });
    }
}
