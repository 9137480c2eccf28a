package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** The softmax of rows, its logarithm and its gradient. */
final class SoftmaxKernels {
    private final Gpu gpu;

    SoftmaxKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void softmax(boolean logarithm, Tensor x, Tensor out) {
        throw new DeviceException("[softmax] cuda has no kernel for it yet");
    }

    void softmaxGradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        throw new DeviceException("[softmaxGradient] cuda has no kernel for it yet");
    }

    void logSumExp(Tensor x, Tensor out) {
        throw new DeviceException("[logSumExp] cuda has no kernel for it yet");
    }
}
