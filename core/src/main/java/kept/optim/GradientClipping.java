package kept.optim;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import kept.nn.Parameter;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The size of all gradients together, and what to multiply them by so that it stays below a limit (Pascanu et al. 2012, arXiv 1211.5063). The
 * gradients themselves are left as they are: {@link AdamW#step} takes the scale.
 *
 * @param norm the root of the sum of the squares of all gradients' elements; infinite or NaN where an element is, or where the sum overflows
 * @param scale {@code min(1, limit / (norm + 1e-6))}, as PyTorch's clip_grad_norm_ has it; NaN or 0 where the norm is not finite
 */
public record GradientClipping(double norm, double scale) {
    private static final double EPSILON = 1e-6;

    /**
     * Measures the gradients of several parameters.
     *
     * @param parameters the parameters; those without a gradient count nothing
     * @param limit the largest norm wanted, above 0; infinite to measure alone
     * @return norm and scale
     */
    public static GradientClipping globalNorm(Collection<Parameter> parameters, double limit) {
        if (!(limit > 0)) {
            throw new IllegalArgumentException("[gradient clipping] the limit must be above 0, not " + limit);
        }
        List<Tensor> gradients = new ArrayList<>();
        for (Parameter parameter : Arguments.present("gradient clipping", "parameters", parameters)) {
            if (parameter.gradient() != null) {
                gradients.add(parameter.gradient());
            }
        }
        double norm = gradients.isEmpty() ? 0 : Math.sqrt(gradients.getFirst().backend().sumOfSquares(gradients));
        return new GradientClipping(norm, Math.min(1, limit / (norm + EPSILON)));
    }

    /**
     * Whether a step with these gradients makes sense.
     *
     * @return false if an element is infinite or NaN: skip the step, or stop
     */
    public boolean isFinite() {
        return Double.isFinite(norm);
    }
}
