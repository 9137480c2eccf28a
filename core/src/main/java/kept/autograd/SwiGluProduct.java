package kept.autograd;

import kept.tensor.Tensor;

/** {@code silu(gate) * up}; the gradient is {@link kept.backend.Backend#swiGluGradient}. */
public final class SwiGluProduct extends Operation {
    private Tensor gate;
    private Tensor up;

    private SwiGluProduct() {}

    /**
     * Multiplies elementwise.
     *
     * @param gate any shape, floating
     * @param up gate's shape and dtype
     * @return a tensor of that shape and dtype
     * @throws kept.tensor.ShapeException if the shapes differ
     */
    public static Tensor apply(Tensor gate, Tensor up) {
        return Autograd.apply(new SwiGluProduct(), gate, up);
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Rows.checkSame("swiglu", inputs[0], inputs[1]);
        gate = Rows.contiguous(inputs[0]);
        up = Rows.contiguous(inputs[1]);
        Tensor out = Tensor.empty(gate.dtype(), gate.shape());
        out.backend().swiGlu(gate, up, out);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor dGate = Rows.gradientFor(gradient);
        Tensor dUp = Rows.gradientFor(gradient);
        gradient.backend().swiGluGradient(Rows.contiguous(gradient), gate, up, dGate, dUp);
        gradients.add(0, dGate);
        gradients.add(1, dUp);
    }
}
