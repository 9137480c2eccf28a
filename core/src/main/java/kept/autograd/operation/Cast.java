package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.DType;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A dense copy in a dtype, possibly the same one. Gradients pass unchanged: what receives them converts between F32 and F64. */
public final class Cast extends Operation {
    private final DType dtype;

    /**
     * Creates the operation.
     *
     * @param dtype the copy's element type
     */
    public Cast(DType dtype) {
        this.dtype = Arguments.present("cast", "the dtype", dtype);
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        return Operands.copy(dtype, inputs[0]);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, gradient);
    }
}
