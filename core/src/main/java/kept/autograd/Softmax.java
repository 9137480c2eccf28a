package kept.autograd;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * {@code y = e^x / sum e^x} along one axis, with {@code dx = y (gradient - sum gradient y)}; or its logarithm, with
 * {@code dx = gradient - e^y sum gradient}.
 */
public final class Softmax extends Operation {
    private final boolean logarithm;
    private final int axis;
    private Tensor y;

    /**
     * A fresh application.
     *
     * @param logarithm whether to give the logarithm
     * @param axis the axis; negative counts from the last
     */
    public Softmax(boolean logarithm, int axis) {
        this.logarithm = logarithm;
        this.axis = axis;
    }

    @Override
    protected String name() {
        return logarithm ? "logSoftmax" : "softmax";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        Operands.checkFloating(name(), x);
        int along = x.shape().axis(axis, name());
        Tensor innermost = x.rank() < 2 ? x : exchanged(x, along);
        Tensor out = Tensor.empty(x.dtype(), innermost.shape());
        try (var _ = Scope.open()) {
            out.backend().softmax(logarithm, Operands.rows(innermost), out);
        }
        y = x.rank() < 2 ? out : exchanged(out, along);
        return y;
    }

    /** A view with one axis and the innermost exchanged. */
    private static Tensor exchanged(Tensor x, int axis) {
        int[] axes = new int[x.rank()];
        for (int i = 0; i < axes.length; i++) {
            axes[i] = i;
        }
        axes[axis] = axes.length - 1;
        axes[axes.length - 1] = axis;
        return Operands.permuted(x, axes);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        if (logarithm) {
            Tensor softmax = y.cast(DType.F32).exp();
            gradients.add(0, gradient.sub(softmax.mul(gradient.sum(true, axis))));
        } else {
            Tensor dot = gradient.mul(y).sum(true, axis);
            gradients.add(0, gradient.sub(dot).mul(y));
        }
    }
}
