package kept.nn;

import kept.autograd.NormalizedSum;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * {@code y = g x / sqrt(average(x^2) + epsilon)} over the innermost axis (Zhang and Sennrich 2019, arXiv 1910.07467). Parameter: {@code weight} g,
 * {@code [width]}.
 */
public final class RmsNorm extends Norm {
    /**
     * Creates the layer from its parameter.
     *
     * @param weight g, {@code [width]}
     * @param epsilon above 0
     */
    public RmsNorm(Tensor weight, double epsilon) {
        super(weight, epsilon);
    }

    @Override
    public Tensor forward(Tensor x, DType out) {
        return Functional.rmsNorm(x, weight().value(), epsilon(), out);
    }

    @Override
    public NormalizedSum addAndForward(Tensor x, Tensor branch, DType out) {
        return Functional.addRmsNorm(x, branch, weight().value(), epsilon(), out);
    }
}
