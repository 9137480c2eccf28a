package kept.cuda;

import kept.backend.AttentionContract;
import kept.tensor.Device;

/** Attention keeps its contract on the virtual GPU, by tensor cores and by the generic kernels. */
class VirtualAttentionContractTest extends AttentionContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }
}
