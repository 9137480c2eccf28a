package kept.nn;

import java.util.Arrays;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;
import kept.tensor.internal.TensorInternals;

/**
 * A tensor of a model, trainable or frozen. Its memory belongs to the scope in which the tensor was created; the gradient lives as long as the value.
 */
public final class Parameter {
    private Tensor value;
    private DType gradientType;

    /**
     * Creates a parameter that shares the memory of a tensor; it is trainable if the tensor requires a gradient.
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
        gradientType = value.dtype().arithmetic();
        setTrainable(value.requiresGradient());
    }

    /**
     * The tensor to use in operations: a leaf, which requires a gradient while this parameter is trainable.
     *
     * @return the current leaf; {@link #setTrainable} replaces it by another one that shares its memory
     */
    public Tensor value() {
        return value;
    }

    /**
     * Whether operations on the value are recorded by autograd.
     *
     * @return true if trainable
     */
    public boolean isTrainable() {
        return value.requiresGradient();
    }

    /**
     * Makes the parameter trainable or freezes it; operations on a frozen parameter are not recorded. A change clears the gradient.
     *
     * @param trainable true to train it, false to freeze it
     * @return this parameter
     * @throws DTypeException if an integer parameter is made trainable
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
     * Sets the dtype of the gradient. A change clears the gradient.
     *
     * @param type F32 (F64 for an F64 value), the default, or BF16 for a BF16 value ({@link Tensor#requireGradient(DType)})
     * @return this parameter
     * @throws DTypeException for any other dtype
     */
    public Parameter setGradientType(DType type) {
        Arguments.present("parameter", "the gradient's type", type);
        if (type != value.dtype().arithmetic() && (type != DType.BF16 || value.dtype() != DType.BF16)) {
            throw new DTypeException("[parameter] %s gradients are not supported for %s parameters".formatted(type.label(), value.dtype().label()));
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
     * The dtype of the gradient.
     *
     * @return what {@link #setGradientType} has set
     */
    public DType gradientType() {
        return gradientType;
    }

    /**
     * The gradient accumulated by backward passes.
     *
     * @return a tensor of the value's shape, or null if there is none; F32 (F64 for an F64 value) unless {@link #setGradientType} says otherwise
     */
    public Tensor gradient() {
        return value.gradient();
    }

    /**
     * Makes a tensor the gradient of this parameter, which is trainable and has none.
     *
     * @param gradient contiguous, of the value's shape and the {@linkplain #setGradientType gradient's type}, in memory of its own; it then lives as
     *     long as the value
     */
    public void adoptGradient(Tensor gradient) {
        Arguments.present("parameter", "the gradient", gradient);
        if (!isTrainable() || value.gradient() != null) {
            throw new TensorException("[parameter] a gradient can be set where the parameter is trainable and has none");
        }
        TensorInternals.setGradient(value, gradient);
    }

    /** Sets the gradient to zeros, if there is one, and keeps its memory. */
    public void zeroGradient() {
        value.zeroGradient();
    }

    /** The value's dtype and shape. */
    @Override
    public String toString() {
        return "%s %s%s".formatted(value.dtype().label(), value.shape(), isTrainable() ? ", trainable" : "");
    }
}
