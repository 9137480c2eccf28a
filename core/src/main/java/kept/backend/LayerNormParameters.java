package kept.backend;

import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The parameters of a layer norm.
 *
 * @param weight {@code [width]}, any floating dtype
 * @param bias {@code [width]}, any floating dtype
 * @param epsilon added to the variance, above 0
 */
public record LayerNormParameters(Tensor weight, Tensor bias, double epsilon) {
    /**
     * Checks the parameters.
     *
     * @throws ShapeException if weight and bias are not vectors of one width
     * @throws kept.tensor.TensorException if epsilon is not a finite f32 number above 0
     */
    public LayerNormParameters {
        if (weight.rank() != 1 || !weight.shape().equals(bias.shape())) {
            throw new ShapeException("[layer norm] needs weight and bias [width], not %s and %s".formatted(weight.shape(), bias.shape()));
        }
        Arguments.positive("layer norm", "epsilon", epsilon);
    }
}
