package kept.backend;

import kept.tensor.Device;

class CpuLossKernelContractTest extends LossKernelContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
