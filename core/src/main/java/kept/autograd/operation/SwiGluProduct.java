package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code silu(gate) * up}; the gradient is {@link kept.backend.Backend#swiGluGradient}. */
public final class SwiGluProduct extends Operation {
    private SavedTensor savedGate;
    private SavedTensor savedUp;

    SwiGluProduct() {}

    /**
     * Computes the product.
     *
     * @param gate any shape, floating
     * @param up gate's shape, floating
     * @return a tensor of that shape and the common dtype
     * @throws ShapeException if the shapes differ
     * @throws kept.tensor.DTypeException if one is of an integer type
     */
    public static Tensor apply(Tensor gate, Tensor up) {
        return Autograd.apply(new SwiGluProduct(), gate, up);
    }

    @Override
    protected String name() {
        return "swiglu";
    }

    private static void check(Tensor gate, Tensor up) {
        Arguments.usable("swiglu", gate, up);
        Operands.checkFloating("swiglu", gate);
        Operands.checkFloating("swiglu", up);
        if (!gate.shape().equals(up.shape())) {
            throw new ShapeException("[swiglu] shapes differ: gate %s, up %s".formatted(gate.shape(), up.shape()));
        }
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        check(inputs[0], inputs[1]);
        DType dtype = Arguments.promote(name(), inputs[0].dtype(), inputs[1].dtype());
        Tensor gate = Operands.as(dtype, Operands.rows(inputs[0]));
        Tensor up = Operands.as(dtype, Operands.rows(inputs[1]));
        Tensor out = Tensor.empty(gate.dtype(), gate.shape());
        out.backend().swiGlu(gate, up, out);
        savedGate = saved("its operand gate", gate);
        savedUp = saved("its operand up", up);
        return out;
    }

    /** The dtype in which both operands take their gradients: BF16 if both do, otherwise the given one. */
    static DType type(Gradients gradients, DType otherwise) {
        return gradients.type(0) == DType.BF16 && gradients.type(1) == DType.BF16 ? DType.BF16 : otherwise;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor incoming = Operands.rows(gradient);
        DType type = type(gradients, gradient.dtype().arithmetic());
        Tensor dGate = incoming.dtype() == type ? Operands.inPlaceOf(incoming, gradients) : Tensor.empty(type, gradient.shape());
        Tensor dUp = Tensor.empty(type, gradient.shape());
        if (type == DType.BF16) {
            gradient.backend().swiGluGradientRounded(incoming, savedGate.value(), savedUp.value(), dGate, dUp);
        } else {
            gradient.backend().swiGluGradient(incoming, savedGate.value(), savedUp.value(), dGate, dUp);
        }
        gradients.add(0, dGate);
        gradients.add(1, dUp);
    }
}
