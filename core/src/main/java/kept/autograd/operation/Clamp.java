package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/** {@code y = min(max(x, low), high)} for each element; the gradient passes where x is in [low, high]. NaN stays NaN. */
public final class Clamp extends Operation {
    private final double low;
    private final double high;
    private SavedTensor operand;

    /**
     * Creates the operation.
     *
     * @param low the smallest result; negative infinity for none
     * @param high the largest result, at least low; infinity for none
     */
    public Clamp(double low, double high) {
        if (!(low <= high)) {
            throw new TensorException("[clamp] the lower bound %s is above the upper bound %s, or one is NaN".formatted(low, high));
        }
        this.low = low;
        this.high = high;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        checkBound(low, Double.NEGATIVE_INFINITY, x.dtype());
        checkBound(high, Double.POSITIVE_INFINITY, x.dtype());
        operand = saved("its operand", x);
        Tensor out = Operands.copy(x.dtype(), x);
        try (var _ = Scope.open()) {
            bound(Binary.MAXIMUM, low, out);
            bound(Binary.MINIMUM, high, out);
        }
        return out;
    }

    /** An infinite bound means no bound and is allowed for integers too. */
    private static void checkBound(double value, double none, DType dtype) {
        if (value != none) {
            Arguments.fits("clamp", value, dtype);
        }
    }

    private static void bound(Binary function, double value, Tensor out) {
        if (value == (function == Binary.MAXIMUM ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY)) {
            return;
        }
        out.backend().binary(function, out, Operands.expanded(out.shape(), Tensor.scalar(value, out.dtype()), "clamp"), out);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor x = operand.value();
        gradients.add(0, Tensor.where(x.ge(low).mul(x.le(high)), gradient, Tensor.scalar(0, gradient.dtype())));
    }
}
