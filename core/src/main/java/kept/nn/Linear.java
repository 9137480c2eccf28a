package kept.nn;

import java.util.Optional;
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
        Tensor y = x.linear(weight.value());
        return bias == null ? y : y.add(bias.value());
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
