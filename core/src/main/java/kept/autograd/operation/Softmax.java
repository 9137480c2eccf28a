package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * {@code y = e^x / sum e^x} along one axis, with {@code dx = y (gradient - sum gradient y)}; or log-softmax, with
 * {@code dx = gradient - e^y sum gradient}.
 */
public final class Softmax extends Operation {
    private final boolean logarithm;
    private final int axis;
    /** The non-negative axis. */
    private int along;
    /** The result with the axis innermost. */
    private SavedTensor result;

    /**
     * Creates the operation.
     *
     * @param logarithm true for log-softmax
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
        along = Arguments.axis(name(), x.shape(), axis);
        Tensor innermost = exchanged(x);
        Tensor rows = Tensor.empty(x.dtype(), innermost.shape());
        try (var _ = Scope.open()) {
            rows.backend().softmax(logarithm, Operands.rows(innermost), rows);
        }
        result = saved("its result", rows);
        return exchanged(rows);
    }

    /** A view with the axis and the innermost axis exchanged; the tensor itself if they are the same. */
    private Tensor exchanged(Tensor x) {
        if (along == x.rank() - 1) {
            return x;
        }
        int[] axes = new int[x.rank()];
        for (int i = 0; i < axes.length; i++) {
            axes[i] = i;
        }
        axes[along] = axes.length - 1;
        axes[axes.length - 1] = along;
        return Operands.permuted(x, axes);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor rows = result.value();
        Tensor incoming = Operands.rows(exchanged(gradient));
        Tensor dx = Operands.inPlaceOf(incoming, gradients);
        dx.backend().softmaxGradient(logarithm, incoming, rows, dx);
        gradients.add(0, exchanged(dx));
    }
}
