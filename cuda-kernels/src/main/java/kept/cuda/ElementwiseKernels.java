package kept.cuda;

import kept.backend.Binary;
import kept.backend.Unary;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Functions of one, two or three elements. */
final class ElementwiseKernels {
    private final Gpu gpu;

    ElementwiseKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void unary(Unary f, Tensor x, Tensor out) {
        throw new DeviceException("[unary] cuda has no kernel for it yet");
    }

    void binary(Binary f, Tensor a, Tensor b, Tensor out) {
        throw new DeviceException("[binary] cuda has no kernel for it yet");
    }

    void where(Tensor condition, Tensor a, Tensor b, Tensor out) {
        throw new DeviceException("[where] cuda has no kernel for it yet");
    }
}
