package kept.backend.composition;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** The gated unit of Llama's MLP. */
public final class SwiGluComposition {
    private SwiGluComposition() {}

    /**
     * The definition of {@link kept.backend.FusedKernels#swiGlu}.
     *
     * @param gate any shape, floating
     * @param up gate's shape, floating
     * @return that shape, F32
     */
    public static Tensor swiGlu(Tensor gate, Tensor up) {
        return gate.cast(gate.dtype().arithmetic()).silu().mul(up.cast(gate.dtype().arithmetic()));
    }

    /**
     * {@link kept.backend.FusedKernels#swiGlu}.
     *
     * @param gate any shape
     * @param up gate's shape and dtype
     * @param out gate's shape and dtype; may be gate or up
     */
    public static void swiGlu(Tensor gate, Tensor up, Tensor out) {
        try (var _ = Scope.open(out.device())) {
            out.assign(swiGlu(gate, up));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#swiGluGradient}.
     *
     * @param gradient any shape, F32
     * @param gate the forward's gate
     * @param up the forward's up
     * @param dGate F32; may be the gradient
     * @param dUp F32
     */
    public static void gradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        try (var _ = Scope.open(gradient.device())) {
            Tensor x = gate.cast(gradient.dtype());
            Tensor sigmoid = x.sigmoid();
            Tensor slope = sigmoid.mul(sigmoid.neg().add(1).mul(x).add(1));
            Tensor ofGate = gradient.mul(up.cast(gradient.dtype())).mul(slope);
            dUp.assign(gradient.mul(x.mul(sigmoid)));
            dGate.assign(ofGate);
        }
    }

    /**
     * {@link kept.backend.FusedKernels#swiGluGradientRounded}.
     *
     * @param gradient any shape, F32 or BF16
     * @param gate the forward's gate, BF16
     * @param up the forward's up, BF16
     * @param dGate BF16; may be the gradient
     * @param dUp BF16
     */
    public static void gradientRounded(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        try (var _ = Scope.open(gradient.device())) {
            Tensor ofGate = Tensor.empty(DType.F32, gate.shape());
            Tensor ofUp = Tensor.empty(DType.F32, gate.shape());
            gradient.backend().swiGluGradient(gradient.cast(DType.F32), gate, up, ofGate, ofUp);
            dGate.assign(ofGate);
            dUp.assign(ofUp);
        }
    }
}
