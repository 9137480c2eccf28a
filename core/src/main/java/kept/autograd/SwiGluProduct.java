package kept.autograd;

import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;

/** {@code silu(gate) * up}; the gradient is {@link kept.backend.Backend#swiGluGradient}. */
public final class SwiGluProduct extends Operation {
    private SavedTensor savedGate;
    private SavedTensor savedUp;

    SwiGluProduct() {}

    /**
     * Multiplies elementwise.
     *
     * @param gate any shape, floating
     * @param up gate's shape
     * @return a tensor of that shape and of gate's dtype
     * @throws ShapeException if the shapes differ
     */
    public static Tensor apply(Tensor gate, Tensor up) {
        return Autograd.apply(new SwiGluProduct(), gate, up);
    }

    /**
     * What {@link #apply} computes, as plain operations in F32.
     *
     * @param gate any shape, floating
     * @param up gate's shape and dtype
     * @return a tensor of that shape and dtype
     */
    public static Tensor plain(Tensor gate, Tensor up) {
        return gate.cast(DType.F32).silu().mul(up.cast(DType.F32)).cast(gate.dtype());
    }

    @Override
    protected String name() {
        return "swiglu";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        if (!inputs[0].shape().equals(inputs[1].shape())) {
            throw new ShapeException("[swiglu] shapes differ: gate %s, up %s".formatted(inputs[0].shape(), inputs[1].shape()));
        }
        Tensor gate = Operands.rows(inputs[0]);
        Tensor up = Operands.as(gate.dtype(), Operands.rows(inputs[1]));
        Tensor out = Tensor.empty(gate.dtype(), gate.shape());
        out.backend().swiGlu(gate, up, out);
        savedGate = saved("its operand gate", gate);
        savedUp = saved("its operand up", up);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor dGate = Tensor.empty(DType.F32, gradient.shape());
        Tensor dUp = Tensor.empty(DType.F32, gradient.shape());
        gradient.backend().swiGluGradient(Operands.rows(gradient), savedGate.value(), savedUp.value(), dGate, dUp);
        gradients.add(0, dGate);
        gradients.add(1, dUp);
    }
}
