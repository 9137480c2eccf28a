package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Gathering and scattering by index. */
final class IndexKernels {
    private final Gpu gpu;

    IndexKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void gather(Tensor x, int axis, Tensor index, Tensor out) {
        throw new DeviceException("[gather] cuda has no kernel for it yet");
    }

    void scatterAdd(Tensor x, int axis, Tensor index, Tensor out) {
        throw new DeviceException("[scatterAdd] cuda has no kernel for it yet");
    }

    void embedding(Tensor table, Tensor index, Tensor out) {
        throw new DeviceException("[embedding] cuda has no kernel for it yet");
    }

    void embeddingGradient(Tensor gradient, Tensor index, Tensor out) {
        throw new DeviceException("[embeddingGradient] cuda has no kernel for it yet");
    }
}
