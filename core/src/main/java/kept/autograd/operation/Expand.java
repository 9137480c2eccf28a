package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A broadcast view of a larger shape; the gradient is summed over the broadcast axes. */
public final class Expand extends Operation {
    private final Shape shape;

    /**
     * Creates the operation.
     *
     * @param shape the larger shape
     */
    public Expand(Shape shape) {
        this.shape = Arguments.present("expand", "the shape", shape);
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        return Operands.expanded(shape, inputs[0], name()).detach();
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, gradient);
    }
}
