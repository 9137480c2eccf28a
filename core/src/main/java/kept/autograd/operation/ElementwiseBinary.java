package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = f(a, b)} elementwise, with broadcasting and promotion of dtypes. Comparisons return BOOL and are not differentiable. */
public class ElementwiseBinary extends Operation {
    private final Binary function;
    private SavedTensor first;
    private SavedTensor second;

    /**
     * Creates the operation.
     *
     * @param function f
     */
    public ElementwiseBinary(Binary function) {
        this.function = Arguments.present("elementwise", "the function", function);
    }

    @Override
    protected String name() {
        return function.label();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor a = inputs[0];
        Tensor b = inputs[1];
        first = saved("its operand a", a);
        second = saved("its operand b", b);
        DType dtype = Arguments.promote(name(), a.dtype(), b.dtype());
        Operands.checkNumbers(name(), dtype, function.takes(dtype));
        Shape shape = Arguments.broadcast(name(), a.shape(), b.shape());
        return computed(dtype, Tensor.empty(function.isComparison() ? DType.BOOL : dtype, shape), a, b);
    }

    /** {@inheritDoc} Only for additions, whose gradients need no operand. */
    @Override
    protected Tensor outline(Tensor... inputs) {
        if (function != Binary.ADD) {
            return null;
        }
        first = saved("its operand a", inputs[0]);
        second = saved("its operand b", inputs[1]);
        return Tensor.empty(Arguments.promote(name(), inputs[0].dtype(), inputs[1].dtype()),
                Arguments.broadcast(name(), inputs[0].shape(), inputs[1].shape()));
    }

    @Override
    protected boolean readsOperands() {
        return function != Binary.ADD;
    }

    private Tensor computed(DType dtype, Tensor out, Tensor a, Tensor b) {
        Shape shape = out.shape();
        if (function == Binary.ADD && dtype == DType.F32 && a.dtype() == DType.F32 && b.dtype().isFloating() && a.shape().equals(b.shape())) {
            out.backend().mixedAdd(a, b, out);
            return out;
        }
        try (var _ = Scope.open()) {
            Tensor left = Operands.expanded(shape, Operands.as(dtype, a), name());
            Tensor right = Operands.expanded(shape, Operands.as(dtype, b), name());
            out.backend().binary(function, left, right, out);
        }
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        if (gradients.isNeeded(0)) {
            gradients.add(0, function.ofFirst().apply(gradient, () -> first.value(), () -> second.value()));
        }
        if (gradients.isNeeded(1)) {
            gradients.add(1, function.ofSecond().apply(gradient, () -> first.value(), () -> second.value()));
        }
    }
}
