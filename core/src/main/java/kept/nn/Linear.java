package kept.nn;

import java.util.Optional;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** The affine map {@code y = x W^T + b}. Parameters: {@code weight}, and {@code bias} where there is one. */
public final class Linear extends Module {
    private final Parameter weight;
    private final Parameter bias;

    /**
     * A layer over given tensors.
     *
     * @param weight W, {@code [out, in]}
     * @param bias b, {@code [out]}, or null for none
     */
    public Linear(Tensor weight, Tensor bias) {
        this.weight = register("weight", weight);
        this.bias = bias == null ? null : register("bias", bias);
    }

    /**
     * Applies the map to the innermost axis.
     *
     * @param x {@code [..., in]}
     * @return {@code [..., out]}, of the wider of the operands' dtypes
     * @throws kept.tensor.ShapeException if x does not end in the weight's inputs
     */
    public Tensor forward(Tensor x) {
        return withBias(x.linear(weight.value()));
    }

    /** Adds the bias, if there is one, and then frees the product, which no gradient needs. */
    Tensor withBias(Tensor product) {
        if (bias == null) {
            return product;
        }
        Tensor y = product.add(bias.value());
        Scope.current().release(product);
        return y;
    }

    /**
     * The weight.
     *
     * @return W, {@code [out, in]}
     */
    public Parameter weight() {
        return weight;
    }

    /**
     * The bias.
     *
     * @return b, {@code [out]}, if there is one
     */
    public Optional<Parameter> bias() {
        return Optional.ofNullable(bias);
    }
}
