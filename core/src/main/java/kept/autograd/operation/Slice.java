package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.Binary;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A view of every step-th element of a range along one axis; the gradient of the other elements is 0. */
public final class Slice extends Operation {
    private final int axis;
    private final long from;
    private final long to;
    private final long step;
    private Shape before;

    /**
     * Creates the operation.
     *
     * @param axis the axis; negative counts from the last
     * @param from the first index; negative counts from the end
     * @param to the index after the last; negative counts from the end
     * @param step the step between elements, 1 or more
     */
    public Slice(int axis, long from, long to, long step) {
        this.axis = axis;
        this.from = from;
        this.to = to;
        this.step = step;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        before = inputs[0].shape();
        return part(inputs[0]);
    }

    private Tensor part(Tensor x) {
        Shape shape = x.shape();
        int along = Arguments.axis(name(), shape, axis);
        long extent = shape.size(along);
        long first = from < 0 ? from + extent : from;
        long end = to < 0 ? to + extent : to;
        if (first < 0 || first > end || end > extent || step < 1) {
            throw new ShapeException("[slice] %d to %d in steps of %d does not lie in axis %d of %s".formatted(from, to, step, axis, shape));
        }
        return Operands.sliced(x, along, first, Math.ceilDiv(end - first, step), step);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        GradientSum sum = GradientSum.of(gradients, 0, before, gradient.dtype());
        Tensor part = part(sum.tensor());
        part.backend().binary(Binary.ADD, part, gradient, part);
        sum.deliver();
    }
}
