package kept.autograd;

import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** {@code y = min(max(x, low), high)} for each element; the gradient passes where x lies in low to high, both included. NaN stays NaN. */
public final class Clamp extends Operation {
    private final double low;
    private final double high;
    private SavedTensor operand;

    /**
     * A fresh application.
     *
     * @param low the smallest result; negative infinity for none
     * @param high the largest result, at least low; infinity for none
     */
    public Clamp(double low, double high) {
        if (!(low <= high)) {
            throw new IllegalArgumentException("[clamp] the lower bound %s is above the upper bound %s, or one is NaN".formatted(low, high));
        }
        this.low = low;
        this.high = high;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        operand = saved("its operand", x);
        Tensor out = Operands.copy(x.dtype(), x);
        try (var _ = Scope.open()) {
            bound(Binary.MAXIMUM, low, out);
            bound(Binary.MINIMUM, high, out);
        }
        return out;
    }

    private void bound(Binary function, double value, Tensor out) {
        if (Double.isInfinite(value)) {
            return;
        }
        if (!out.dtype().isFloating() && value != (out.dtype() == DType.I32 ? (int) value : (long) value)) {
            throw new DTypeException("[clamp] %s is not an %s; cast the tensor to f32 first".formatted(value, out.dtype().label()));
        }
        out.backend().binary(function, out, Operands.expanded(out.shape(), Tensor.scalar(value, out.dtype()), name()), out);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor x = operand.value();
        gradients.add(0, gradient.mul(x.ge(low).mul(x.le(high)).cast(DType.F32)));
    }
}
