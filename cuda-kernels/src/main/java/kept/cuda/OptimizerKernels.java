package kept.cuda;

import java.util.List;
import kept.backend.AdamWStep;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** AdamW and the gradient norm. */
final class OptimizerKernels {
    private final Gpu gpu;

    OptimizerKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void adamW(AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
        throw new DeviceException("[adamW] cuda has no kernel for it yet");
    }

    double sumOfSquares(List<Tensor> tensors) {
        throw new DeviceException("[sumOfSquares] cuda has no kernel for it yet");
    }
}
