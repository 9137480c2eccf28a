package kept.nn;

import kept.autograd.NormalizedSum;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * {@code y = g (x - mean) / sqrt(var + epsilon) + b}, mean and biased variance over the innermost axis (Ba et al. 2016, arXiv 1607.06450).
 * Parameters: {@code weight} w and {@code bias} b, both {@code [width]}, with the gain {@code g = w}, or {@code g = w + 1} in a norm of
 * {@link #aroundOne}; none, with g = 1 and b = 0, in a norm of {@link #withoutParameters}.
 */
public final class LayerNorm extends Norm {
    private final Parameter bias;
    /** What is added to the weight for the gain: 0 or 1. */
    private final double offset;
    /** Gain and bias of a norm without parameters; null in others. */
    private final Tensor ones;
    private final Tensor zeros;

    /**
     * Creates the layer from its parameters.
     *
     * @param weight g, {@code [width]}
     * @param bias b, {@code [width]}
     * @param epsilon above 0
     */
    public LayerNorm(Tensor weight, Tensor bias, double epsilon) {
        this(weight, bias, 0, epsilon);
    }

    private LayerNorm(Tensor weight, Tensor bias, double offset, double epsilon) {
        super(weight, epsilon);
        this.bias = register("bias", bias);
        this.offset = offset;
        ones = null;
        zeros = null;
        if (!bias.shape().equals(weight.shape())) {
            throw new ShapeException("[norm] weight %s and bias %s differ".formatted(weight.shape(), bias.shape()));
        }
    }

    private LayerNorm(long width, double epsilon) {
        super(epsilon);
        bias = null;
        offset = 0;
        ones = Tensor.full(1, DType.F32, Shape.of(width));
        zeros = Tensor.full(0, DType.F32, Shape.of(width));
    }

    /**
     * Creates a layer whose gain is its weight plus one, which weight decay draws towards one (LayerNorm1P of NeMo).
     *
     * @param weight {@code g - 1}, {@code [width]}
     * @param bias b, {@code [width]}
     * @param epsilon above 0
     * @return the layer
     * @throws ShapeException if the shapes do not match
     */
    public static LayerNorm aroundOne(Tensor weight, Tensor bias, double epsilon) {
        return new LayerNorm(weight, bias, 1, epsilon);
    }

    /**
     * Creates a layer without parameters: the gain is one and the bias zero.
     *
     * @param width the number of features
     * @param epsilon above 0
     * @return the layer, whose constants the current scope owns
     */
    public static LayerNorm withoutParameters(long width, double epsilon) {
        return new LayerNorm(width, epsilon);
    }

    @Override
    public Tensor forward(Tensor x, DType out) {
        return Functional.layerNorm(x, gain(), shift(), epsilon(), out);
    }

    @Override
    public NormalizedSum addAndForward(Tensor x, Tensor branch, DType out) {
        return Functional.addLayerNorm(x, branch, gain(), shift(), epsilon(), out);
    }

    /**
     * The factor of the normalised features.
     *
     * @return g, {@code [width]}
     */
    public Tensor gain() {
        if (!hasWeight()) {
            return ones;
        }
        Tensor weight = weight().value();
        return offset == 0 ? weight : weight.cast(weight.dtype().arithmetic()).add(offset);
    }

    /**
     * What is added after scaling.
     *
     * @return b, {@code [width]}
     */
    public Tensor shift() {
        return bias == null ? zeros : bias.value();
    }

    /**
     * The parameter of the shift.
     *
     * @return b, {@code [width]}
     * @throws TensorException if the norm has no parameters
     */
    public Parameter bias() {
        if (bias == null) {
            throw new TensorException("[norm] there is no bias: the norm has no parameters");
        }
        return bias;
    }
}
