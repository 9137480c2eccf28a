package kept.optim;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import kept.nn.Parameter;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The global norm of all gradients, and the factor that limits it (Pascanu et al. 2012, arXiv 1211.5063). The gradients are not changed:
 * {@link AdamW#step} applies the factor.
 *
 * @param norm the square root of the sum of squares of all gradient elements; infinite or NaN if an element is, or if the sum overflows
 * @param scale {@code min(1, limit / (norm + 1e-6))}, as in PyTorch's clip_grad_norm_; NaN or 0 if the norm is not finite
 */
public record GradientClipping(double norm, double scale) {
    private static final double EPSILON = 1e-6;

    /**
     * Computes the global norm of the gradients of several parameters.
     *
     * @param parameters the parameters; those without a gradient are ignored
     * @param limit the maximum norm, above 0; infinite to only measure it
     * @return norm and scale
     */
    public static GradientClipping globalNorm(Collection<Parameter> parameters, double limit) {
        List<Tensor> gradients = new ArrayList<>();
        for (Parameter parameter : Arguments.present("gradient clipping", "parameters", parameters)) {
            if (parameter.gradient() != null) {
                gradients.add(parameter.gradient());
            }
        }
        return ofSquares(gradients.isEmpty() ? 0 : gradients.getFirst().backend().sumOfSquares(gradients), limit);
    }

    /**
     * Computes the factor for gradients of which the sum of squares is known.
     *
     * @param sum the sum of the squares of all gradient elements
     * @param limit the maximum norm, above 0; infinite to only measure it
     * @return norm and scale
     */
    public static GradientClipping ofSquares(double sum, double limit) {
        if (!(limit > 0)) {
            throw new IllegalArgumentException("[gradient clipping] the limit must be above 0, not " + limit);
        }
        double norm = Math.sqrt(sum);
        return new GradientClipping(norm, Math.min(1, limit / (norm + EPSILON)));
    }

    /**
     * Whether all gradients are finite.
     *
     * @return false if an element is infinite or NaN: skip the step or stop
     */
    public boolean isFinite() {
        return Double.isFinite(norm);
    }
}
