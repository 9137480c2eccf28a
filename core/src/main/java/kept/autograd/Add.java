package kept.autograd;

import kept.backend.Binary;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** {@code a + b}; da = gradient, db = gradient, each summed over the axes its operand was broadcast along. */
public final class Add extends Operation {
    /** A fresh application. */
    public Add() {}

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor a = inputs[0];
        Tensor b = inputs[1];
        Shape shape = Shape.broadcast(a.shape(), b.shape(), "add");
        Tensor out = Tensor.empty(a.dtype(), shape);
        out.backend().binary(Binary.ADD, a.alias(shape, a.expandedStrides(shape, "add"), a.offset()),
                b.alias(shape, b.expandedStrides(shape, "add"), b.offset()), out);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, gradient);
        gradients.add(1, gradient);
    }
}
