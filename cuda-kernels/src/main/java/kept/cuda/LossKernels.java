package kept.cuda;

import kept.backend.DistillationObjective;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** The row kernels of the losses. */
final class LossKernels {
    private final Gpu gpu;

    LossKernels(Gpu gpu) {
        this.gpu = gpu;
    }

    void distillationRows(DistillationObjective objective, Tensor teacher, Tensor student, Tensor labels, double scale, Tensor losses,
            Tensor divergences) {
        throw new DeviceException("[distillationRows] cuda has no kernel for it yet");
    }

    void crossEntropyRows(Tensor logits, Tensor labels, double scale, Tensor losses) {
        throw new DeviceException("[crossEntropyRows] cuda has no kernel for it yet");
    }
}
