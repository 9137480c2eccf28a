package kept.cuda;

import kept.backend.RowKernelContract;
import kept.tensor.Device;

class VirtualRowKernelContractTest extends RowKernelContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }

    @Override
    protected boolean isSlow() {
        return VirtualCudaProvider.isSlow();
    }
}
