package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Rotary position embedding. */
final class RotaryKernels {
    private final Gpu gpu;

    RotaryKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void rotaryEmbedding(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        throw new DeviceException("[rotaryEmbedding] cuda has no kernel for it yet");
    }
}
