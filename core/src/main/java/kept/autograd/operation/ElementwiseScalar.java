package kept.autograd.operation;

import java.util.function.Supplier;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/**
 * {@code y = f(x, c)} for each element x and a number c. The result has x's dtype; floating arithmetic is in {@link DType#arithmetic}. Comparisons
 * return BOOL and are not differentiable.
 */
public final class ElementwiseScalar extends Operation {
    private final Binary function;
    private final double value;

    /**
     * Creates the operation.
     *
     * @param function f; use {@link Clamp} for minimum and maximum
     * @param value c
     */
    public ElementwiseScalar(Binary function, double value) {
        if (function == Binary.MINIMUM || function == Binary.MAXIMUM) {
            throw new TensorException("[%s] of a tensor and a number is a clamp".formatted(function.label()));
        }
        this.function = Arguments.present("elementwise", "the function", function);
        this.value = value;
    }

    @Override
    protected String name() {
        return function.label();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        Operands.checkNumbers(name(), x.dtype(), function.takes(x.dtype()));
        Arguments.fits(name(), value, x.dtype());
        DType working = x.dtype().arithmetic();
        Tensor out = Tensor.empty(function.isComparison() ? DType.BOOL : x.dtype(), x.shape());
        try (var _ = Scope.open()) {
            Tensor operand = Operands.as(working, x);
            Tensor number = Operands.expanded(x.shape(), Tensor.scalar(value, working), name());
            if (working == x.dtype() || function.isComparison()) {
                out.backend().binary(function, operand, number, out);
            } else {
                out.backend().binary(function, operand, number, operand);
                out.backend().copy(operand, out);
            }
        }
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Supplier<Tensor> unsaved = () -> {
            throw new AssertionError("a derivative by x of a function of x and a number that needs x itself");
        };
        gradients.add(0, function.ofFirst().apply(gradient, unsaved, () -> Tensor.scalar(value, gradient.dtype())));
    }
}
