package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A copy of a tensor with a source added at indices along one axis; the source's gradient is gathered at the indices. */
public final class ScatterAdd extends Operation {
    private final int axis;
    private int along;
    private SavedTensor indices;

    /**
     * Creates the operation, for a tensor, an index and a source.
     *
     * @param axis the axis; negative counts from the last
     */
    public ScatterAdd(int axis) {
        this.axis = axis;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        Tensor index = inputs[1];
        indices = saved("its index", index);
        Tensor source = inputs[2];
        along = Arguments.axis(name(), x.shape(), axis);
        Operands.checkIndex(name(), index);
        Gather.checkOtherAxes(name(), index.shape(), x.shape(), along);
        if (!source.shape().equals(index.shape())) {
            throw new ShapeException("[scatterAdd] index %s and source %s differ".formatted(index.shape(), source.shape()));
        }
        DType dtype = Arguments.promote(name(), x.dtype(), source.dtype());
        DType working = dtype.arithmetic();
        try (var scope = Scope.open()) {
            Tensor sum = Operands.copy(working, x);
            sum.backend().scatterAdd(Operands.as(working, source), along, index, sum);
            return scope.keep(Operands.as(dtype, sum));
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, gradient);
        if (gradients.isNeeded(2)) {
            gradients.add(2, gradient.gather(along, indices.value()));
        }
    }
}
