package kept.cuda;

import kept.backend.Reduction;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Sums and extremes along the innermost axes. */
final class ReductionKernels {
    private final Gpu gpu;

    ReductionKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void reduce(Reduction reduction, Tensor x, Tensor out) {
        throw new DeviceException("[reduce] cuda has no kernel for it yet");
    }

    void argMax(Tensor x, Tensor out) {
        throw new DeviceException("[argMax] cuda has no kernel for it yet");
    }
}
