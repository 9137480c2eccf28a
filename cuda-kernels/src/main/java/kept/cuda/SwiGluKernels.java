package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** SwiGLU, forward and backward. */
final class SwiGluKernels {
    private final Gpu gpu;

    SwiGluKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void swiGlu(Tensor gate, Tensor up, Tensor out) {
        throw new DeviceException("[swiGlu] cuda has no kernel for it yet");
    }

    void swiGluGradient(Tensor gradient, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        throw new DeviceException("[swiGluGradient] cuda has no kernel for it yet");
    }
}
