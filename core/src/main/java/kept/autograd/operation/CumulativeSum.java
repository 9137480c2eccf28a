package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The cumulative sum along one axis, in f32 or 64 bits; the gradient is the cumulative sum in reverse order. */
public final class CumulativeSum extends Operation {
    private final int axis;
    private int along;

    /**
     * Creates the operation.
     *
     * @param axis the axis; negative counts from the last
     */
    public CumulativeSum(int axis) {
        this.axis = axis;
    }

    @Override
    protected String name() {
        return "cumSum";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        along = Arguments.axis(name(), x.shape(), axis);
        DType working = x.dtype().ofSums().arithmetic();
        if (working == x.dtype() || working == DType.I64) {
            return sums(Operands.copy(working, x), true);
        }
        Tensor out = Tensor.empty(x.dtype(), x.shape());
        try (var _ = Scope.open()) {
            out.backend().copy(sums(Operands.copy(working, x), true), out);
        }
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, sums(Operands.copy(gradient.dtype(), gradient), false));
    }

    /** Computes the sums in place in {@code ceil(log2(extent))} passes, which add the element 1, 2, 4, ... positions before (or after). */
    private Tensor sums(Tensor x, boolean forwards) {
        long extent = x.size(along);
        for (long step = 1; step < extent; step *= 2) {
            try (var _ = Scope.open()) {
                Tensor before = Operands.copy(x.dtype(), Operands.sliced(x, along, forwards ? 0 : step, extent - step, 1));
                Tensor changed = Operands.sliced(x, along, forwards ? step : 0, extent - step, 1);
                x.backend().binary(Binary.ADD, changed, before, changed);
            }
        }
        return x;
    }
}
