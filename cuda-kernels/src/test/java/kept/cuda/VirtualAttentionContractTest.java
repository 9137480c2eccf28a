package kept.cuda;

import kept.backend.AttentionContract;
import kept.tensor.Device;

/** The contract tests of attention on the virtual GPU, for tensor-core and generic kernels. */
class VirtualAttentionContractTest extends AttentionContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }
}
