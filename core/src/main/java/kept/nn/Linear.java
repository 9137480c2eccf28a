package kept.nn;

import java.util.Optional;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The affine map {@code y = x W^T + b}. Parameters: {@code weight}, and optionally {@code bias}. */
public final class Linear extends Layer {
    private final Parameter weight;
    private final Parameter bias;

    /**
     * Creates the layer from its parameters.
     *
     * @param weight W, {@code [out, in]}
     * @param bias b, {@code [out]}, or null for none
     * @throws ShapeException if they do not have these shapes
     */
    public Linear(Tensor weight, Tensor bias) {
        this.weight = register("weight", weight);
        if (weight.rank() != 2 || bias != null && (bias.rank() != 1 || bias.size(0) != weight.size(0))) {
            throw new ShapeException("[linear] needs a weight [out, in] and a bias [out] or none, not %s and %s"
                    .formatted(weight.shape(), bias == null ? "none" : bias.shape()));
        }
        this.bias = bias == null ? null : register("bias", bias);
    }

    /**
     * Applies the map to the innermost axis.
     *
     * @param x {@code [..., in]}
     * @return {@code [..., out]}, with the promoted dtype of x and the weight
     * @throws ShapeException if the innermost extent of x is not {@code in}
     */
    public Tensor forward(Tensor x) {
        Arguments.present("linear", "x", x);
        return bias == null ? x.linear(weight.value()) : x.linear(weight.value(), bias.value());
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
