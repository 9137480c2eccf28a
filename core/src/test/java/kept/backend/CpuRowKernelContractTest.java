package kept.backend;

import kept.tensor.Device;

class CpuRowKernelContractTest extends RowKernelContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
