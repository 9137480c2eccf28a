package kept.cuda;

import kept.backend.Distribution;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Values made on the device, and copies that convert and follow strides. */
final class CreationKernels {
    private final Gpu gpu;

    CreationKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void fill(Tensor out, double value) {
        throw new DeviceException("[fill] cuda has no kernel for it yet");
    }

    void random(Distribution distribution, long seed, long stream, Tensor out) {
        throw new DeviceException("[random] cuda has no kernel for it yet");
    }

    void copy(Tensor x, Tensor out) {
        throw new DeviceException("[copy] cuda has no kernel for it yet");
    }
}
