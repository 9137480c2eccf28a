package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** LayerNorm and RMSNorm, forward and backward. */
final class NormKernels {
    private final Gpu gpu;

    NormKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon, Tensor out, Tensor mean, Tensor rstd) {
        throw new DeviceException("[layerNorm] cuda has no kernel for it yet");
    }

    void layerNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        throw new DeviceException("[layerNormGradient] cuda has no kernel for it yet");
    }

    void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        throw new DeviceException("[rmsNorm] cuda has no kernel for it yet");
    }

    void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        throw new DeviceException("[rmsNormGradient] cuda has no kernel for it yet");
    }
}
