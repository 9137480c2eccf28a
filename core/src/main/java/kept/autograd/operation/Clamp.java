package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
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
        Tensor out = Tensor.empty(x.dtype(), x.shape());
        out.backend().clamp(x, low, high, out);
        return out;
    }

    /** An infinite bound means no bound and is allowed for integers too. */
    private static void checkBound(double value, double none, DType dtype) {
        if (value != none) {
            Arguments.fits("clamp", value, dtype);
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor x = operand.value();
        gradients.add(0, Tensor.where(x.ge(low).mul(x.le(high)), gradient, Tensor.scalar(0, gradient.dtype())));
    }
}
