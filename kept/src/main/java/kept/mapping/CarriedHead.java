package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The head behind a norm that gives {@code (z + s) / sqrt(1 + s^2)}, z of mean zero, where the source's norm gave {@code g z + b}: it takes z and the
 * constant s apart by their means, and makes of each what the source's head W did. Of W, g, b:
 * {@code sqrt(1 + s^2) (W diag(g) C + W b 1^T / (s d))}, with C taking the mean away.
 *
 * @param shift s, greater than 0
 */
public record CarriedHead(double shift) implements Transform {
    @Override
    public String method() {
        return ExactMapping.CARRIER;
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        float[] scale = sources.get(1).toFloatArray();
        float[] bias = sources.get(2).toFloatArray();
        double norm = Math.sqrt(1 + shift * shift);
        return MatrixRows.map(sources.getFirst(), (_, values, start, columns) -> {
            double mean = MatrixRows.dot(values, start, scale) / columns;
            double constant = MatrixRows.dot(values, start, bias) / (shift * columns);
            for (int column = 0; column < columns; column++) {
                values[start + column] = (float) (norm * ((double) values[start + column] * scale[column] - mean + constant));
            }
        });
    }
}
