package kept.nn;

import java.util.Arrays;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * A tensor of a model that may be trained. Its memory belongs to the scope it was made in; the gradient lives as long as the value.
 */
public final class Parameter {
    private Tensor value;
    private DType gradientType = DType.F32;

    /**
     * A parameter over the memory of a tensor; trainable if the tensor requires a gradient.
     *
     * @param value a contiguous floating tensor
     * @throws ShapeException if the tensor is not contiguous
     * @throws DTypeException if it holds integers
     */
    public Parameter(Tensor value) {
        Arguments.present("parameter", "the tensor", value);
        if (!value.dtype().isFloating()) {
            throw new DTypeException("[parameter] needs a floating tensor, not " + value.dtype().label());
        }
        if (!value.isContiguous()) {
            throw new ShapeException("[parameter] needs a contiguous tensor, not %s with strides %s"
                    .formatted(value.shape(), Arrays.toString(value.strides())));
        }
        this.value = value.detach();
        setTrainable(value.requiresGradient());
    }

    /**
     * The tensor to compute with: a leaf, which requires a gradient while this parameter is trainable.
     *
     * @return the current leaf; {@link #setTrainable} replaces it by another over the same memory
     */
    public Tensor value() {
        return value;
    }

    /**
     * Whether operations on the value are recorded and give it a gradient.
     *
     * @return true if trainable
     */
    public boolean isTrainable() {
        return value.requiresGradient();
    }

    /**
     * Makes the parameter trainable, or freezes it: what is computed with a frozen one is not recorded. A change forgets the gradient.
     *
     * @param trainable whether it shall be trained
     * @return this parameter
     * @throws DTypeException if it shall be trained and holds integers
     */
    public Parameter setTrainable(boolean trainable) {
        if (trainable != isTrainable()) {
            value = value.detach();
            if (trainable) {
                value.requireGradient(gradientType);
            }
        }
        return this;
    }

    /**
     * Chooses the type that the gradient is kept in. A change forgets the gradient.
     *
     * @param type F32, as it is at first, or BF16 where the value is BF16 ({@link Tensor#requireGradient(DType)}): what optimizers take
     * @return this parameter
     * @throws DTypeException if it is another
     */
    public Parameter setGradientType(DType type) {
        Arguments.present("parameter", "the gradient's type", type);
        if (type != DType.F32 && (type != DType.BF16 || value.dtype() != DType.BF16)) {
            throw new DTypeException("[parameter] a gradient of %s is not for parameters of %s".formatted(type.label(), value.dtype().label()));
        }
        if (type != gradientType) {
            gradientType = type;
            if (isTrainable()) {
                value = value.detach().requireGradient(type);
            }
        }
        return this;
    }

    /**
     * The gradient that backward passes have added up.
     *
     * @return a tensor of the value's shape, or null if there is none; F32 unless {@link #setGradientType} says otherwise
     */
    public Tensor gradient() {
        return value.gradient();
    }

    /** Sets the gradient to zeros, where there is one, and keeps its memory. */
    public void zeroGradient() {
        value.zeroGradient();
    }

    /** The value's type and shape. */
    @Override
    public String toString() {
        return "%s %s%s".formatted(value.dtype().label(), value.shape(), isTrainable() ? ", trainable" : "");
    }
}
