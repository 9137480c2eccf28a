package kept.autograd;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * {@code (silu(gate) * up) W^T}, whose inner product is not kept: the backward pass makes it once more, which takes a hundredth of the time of the
 * matrix product that needs it. The bits are those of {@link SwiGluProduct} and {@link MatMul} one after the other.
 */
public final class GatedProjection extends Operation {
    private final SwiGluProduct gating = new SwiGluProduct();
    private final MatMul projection = new MatMul(true);
    private SavedTensor savedGate;
    private SavedTensor savedUp;

    private GatedProjection() {}

    /**
     * Gates and projects.
     *
     * @param gate {@code [..., intermediate]}, floating
     * @param up gate's shape
     * @param weight W, {@code [hidden, intermediate]}, floating
     * @return {@code [..., hidden]}, of the wider of gate's and W's dtypes
     * @throws kept.tensor.ShapeException if the shapes do not fit each other
     */
    public static Tensor apply(Tensor gate, Tensor up, Tensor weight) {
        return Autograd.apply(new GatedProjection(), gate, up, weight);
    }

    @Override
    protected String name() {
        return "gated projection";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor gate = inputs[0];
        Tensor up = inputs[1];
        savedGate = saved("its operand gate", gate);
        savedUp = saved("its operand up", up);
        try (var scope = Scope.open()) {
            return scope.keep(projection.forward(gating.forward(gate, up), inputs[2]));
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        projection.backward(gradient, gating.forward(savedGate.value(), savedUp.value()), new Gradients() {
            @Override
            public boolean wanted(int input) {
                return input == 0 ? gradients.wanted(0) || gradients.wanted(1) : gradients.wanted(2);
            }

            @Override
            public DType type(int input) {
                return input == 0 ? DType.F32 : gradients.type(2);
            }

            @Override
            public void add(int input, Tensor gradient) {
                if (input == 0) {
                    gating.backward(gradient, gradients);
                } else {
                    gradients.add(2, gradient);
                }
            }

            @Override
            public Tensor accumulator(int input) {
                return input == 0 ? null : gradients.accumulator(2);
            }
        });
    }
}
