package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Unary;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = f(x)} for each element, with the derivative of {@link Unary}. */
public final class ElementwiseUnary extends Operation {
    private final Unary function;
    private SavedTensor operand;
    private SavedTensor result;

    /**
     * Creates the operation.
     *
     * @param function f
     */
    public ElementwiseUnary(Unary function) {
        this.function = Arguments.present("elementwise", "the function", function);
    }

    @Override
    protected String name() {
        return function.label();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        if (function.ofIntegers() == null) {
            Operands.checkFloating(name(), x);
        }
        Operands.checkNumbers(name(), x.dtype(), function.takes(x.dtype()));
        Tensor y = Tensor.empty(x.dtype(), x.shape());
        y.backend().unary(function, x, y);
        operand = saved("its operand", x);
        result = saved("its result", y);
        return y;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Unary.Passing passing = new Unary.Passing(gradient, gradients.owns(gradient));
        gradients.add(0, function.derivative().apply(passing, operand::value, result::value).value());
    }
}
