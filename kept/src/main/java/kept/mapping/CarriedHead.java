package kept.mapping;

import java.util.List;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The head after a norm whose output is {@code (z + s) / sqrt(1 + s^2)}, with z of mean zero, while the source's norm outputs {@code g z + b}. It
 * separates z and the constant s by their means, and applies the source's head W to both: {@code sqrt(1 + s^2) (W diag(g) C + W b 1^T / (s d))},
 * where C subtracts the mean. Sources: W, g, b.
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
