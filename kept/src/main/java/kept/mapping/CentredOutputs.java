package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A projection {@code [out, in]} whose outputs have mean zero, whatever its input: from each column its mean over the outputs is taken. A LayerNorm
 * does not see the mean of its input, so where the outputs are added to a stream that only LayerNorms read, the model's function is the same.
 *
 * @param scale what the centred projection is multiplied by
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
