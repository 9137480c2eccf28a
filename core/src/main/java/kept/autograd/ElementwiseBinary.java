package kept.autograd;

import kept.backend.Binary;
import kept.tensor.Arguments;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * {@code y = f(a, b)} for each element of two operands that are broadcast to their common shape; floating types are promoted. Comparisons give I32
 * and pass no gradient.
 */
public final class ElementwiseBinary extends Operation {
    private final Binary function;
    private SavedTensor first;
    private SavedTensor second;

    /**
     * A fresh application.
     *
     * @param function f
     */
    public ElementwiseBinary(Binary function) {
        this.function = Arguments.present("elementwise", "the function", function);
    }

    @Override
    protected String name() {
        return nameOf(function);
    }

    static String nameOf(Binary function) {
        return switch (function) {
            case ADD -> "add";
            case SUBTRACT -> "sub";
            case MULTIPLY -> "mul";
            case DIVIDE -> "div";
            case MINIMUM -> "minimum";
            case MAXIMUM -> "maximum";
            case EQUAL -> "eq";
            case NOT_EQUAL -> "ne";
            case LESS -> "lt";
            case LESS_EQUAL -> "le";
            case GREATER -> "gt";
            case GREATER_EQUAL -> "ge";
        };
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor a = inputs[0];
        Tensor b = inputs[1];
        first = saved("its operand a", a);
        second = saved("its operand b", b);
        DType dtype = a.dtype().promote(b.dtype(), name());
        Shape shape = Shape.broadcast(a.shape(), b.shape(), name());
        Tensor out = Tensor.empty(function.isComparison() ? DType.I32 : dtype, shape);
        if (function == Binary.ADD && a.dtype() == DType.F32 && b.dtype().isFloating() && a.shape().equals(b.shape())) {
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
        switch (function) {
            case ADD -> {
                gradients.add(0, gradient);
                gradients.add(1, gradient);
            }
            case SUBTRACT -> {
                gradients.add(0, gradient);
                if (gradients.wanted(1)) {
                    gradients.add(1, gradient.neg());
                }
            }
            case MULTIPLY -> {
                if (gradients.wanted(0)) {
                    gradients.add(0, gradient.mul(second.value()));
                }
                if (gradients.wanted(1)) {
                    gradients.add(1, gradient.mul(first.value()));
                }
            }
            case DIVIDE -> {
                Tensor b = second.value();
                Tensor overB = gradient.div(b);
                if (gradients.wanted(1)) {
                    gradients.add(1, overB.mul(first.value()).div(b).neg());
                }
                gradients.add(0, overB);
            }
            case MINIMUM -> choose(first.value().lt(second.value()), gradient, gradients);
            case MAXIMUM -> choose(first.value().gt(second.value()), gradient, gradients);
            default -> throw new AssertionError("a comparison is not recorded");
        }
    }

    /** The operand that was taken has the gradient; equal ones share it by halves. */
    private void choose(Tensor isFirst, Tensor gradient, Gradients gradients) {
        Tensor share = isFirst.cast(DType.F32).add(first.value().eq(second.value()).cast(DType.F32).mul(0.5));
        gradients.add(0, gradient.mul(share));
        gradients.add(1, gradient.mul(share.neg().add(1)));
    }
}
