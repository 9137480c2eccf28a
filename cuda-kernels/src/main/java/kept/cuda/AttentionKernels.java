package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Causal grouped-query attention, forward and backward. */
final class AttentionKernels {
    private final Gpu gpu;

    AttentionKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        throw new DeviceException("[attention] cuda has no kernel for it yet");
    }

    void attentionGradient(Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk,
            Tensor dv) {
        throw new DeviceException("[attentionGradient] cuda has no kernel for it yet");
    }
}
