package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = condition != 0 ? a : b} elementwise, with broadcasting; the gradient goes to the selected operand. */
public final class Where extends Operation {
    private SavedTensor chosen;

    /** Creates the operation, for a condition and two operands. */
    public Where() {}

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor condition = inputs[0];
        chosen = saved("its condition", condition);
        Tensor a = inputs[1];
        Tensor b = inputs[2];
        if (condition.dtype() != DType.BOOL && condition.dtype() != DType.I32) {
            throw new DTypeException("[where] the condition must be bool, like the result of a comparison, or i32, not " + condition.dtype().label());
        }
        DType dtype = Arguments.promote(name(), a.dtype(), b.dtype());
        Shape shape = Arguments.broadcast(name(), condition.shape(), Arguments.broadcast(name(), a.shape(), b.shape()));
        Tensor out = Tensor.empty(dtype, shape);
        try (var _ = Scope.open()) {
            out.backend().where(
                    Operands.expanded(shape, condition, name()),
                    Operands.expanded(shape, Operands.as(dtype, a), name()),
                    Operands.expanded(shape, Operands.as(dtype, b), name()),
                    out);
        }
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor condition = chosen.value();
        Tensor zero = Tensor.scalar(0, gradient.dtype());
        if (gradients.isNeeded(1)) {
            gradients.add(1, Tensor.where(condition, gradient, zero));
        }
        if (gradients.isNeeded(2)) {
            gradients.add(2, Tensor.where(condition, zero, gradient));
        }
    }
}
