package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** The index of the largest element along one axis, I64; not differentiable. */
public final class ArgMax extends Operation {
    private final int axis;

    /**
     * Creates the operation.
     *
     * @param axis the axis; negative counts from the last
     */
    public ArgMax(int axis) {
        this.axis = axis;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        var reduced = ReducedAxes.of(x.shape(), name(), axis);
        if (reduced.count() == 0) {
            throw new ShapeException("[argMax] no elements along axis %d of %s".formatted(axis, x.shape()));
        }
        Tensor out = Tensor.empty(DType.I64, reduced.keptShape());
        out.backend().argMax(reduced.innermost(x), out);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        throw new AssertionError("an index is not recorded");
    }
}
