package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A projection {@code [out, in]} whose outputs have mean zero for any input: the mean of each column is subtracted. LayerNorm ignores the mean of its
 * input, so if only LayerNorms read the stream to which the outputs are added, the model's function stays the same.
 *
 * @param scale a factor of the centred projection
 */
public record CentredOutputs(double scale) implements Transform {
    @Override
    public String method() {
        return "centring";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        double[] means = MatrixRows.columnMeans(sources.getFirst());
        return MatrixRows.map(sources.getFirst(), (_, values, start, columns) -> {
            for (int column = 0; column < columns; column++) {
                values[start + column] = (float) (scale * (values[start + column] - means[column]));
            }
        });
    }
}
