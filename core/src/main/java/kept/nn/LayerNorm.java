package kept.nn;

import kept.autograd.NormalizedSum;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/**
 * {@code y = g (x - mean) / sqrt(var + epsilon) + b}, mean and biased variance over the innermost axis (Ba et al. 2016, arXiv 1607.06450).
 * Parameters: {@code weight} g and {@code bias} b, both {@code [width]}.
 */
public final class LayerNorm extends Norm {
    private final Parameter bias;

    /**
     * Creates the layer from its parameters.
     *
     * @param weight g, {@code [width]}
     * @param bias b, {@code [width]}
     * @param epsilon above 0
     */
    public LayerNorm(Tensor weight, Tensor bias, double epsilon) {
        super(weight, epsilon);
        this.bias = register("bias", bias);
        if (!bias.shape().equals(weight.shape())) {
            throw new ShapeException("[norm] weight %s and bias %s differ".formatted(weight.shape(), bias.shape()));
        }
    }

    @Override
    public Tensor forward(Tensor x, DType out) {
        return Functional.layerNorm(x, weight().value(), bias.value(), epsilon(), out);
    }

    @Override
    public NormalizedSum addAndForward(Tensor x, Tensor branch, DType out) {
        return Functional.addLayerNorm(x, branch, weight().value(), bias.value(), epsilon(), out);
    }

    /**
     * The bias.
     *
     * @return b, {@code [width]}
     */
    public Parameter bias() {
        return bias;
    }
}
