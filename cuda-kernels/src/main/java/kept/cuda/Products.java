package kept.cuda;

import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/** Matrix products, by cuBLAS. */
final class Products {
    private final Gpu gpu;

    Products(Gpu gpu) {
        this.gpu = gpu;
    }

    void matmul(Tensor a, Tensor b, Tensor out, boolean accumulate) {
        throw new DeviceException("[matmul] cuda has no kernel for it yet");
    }
}
