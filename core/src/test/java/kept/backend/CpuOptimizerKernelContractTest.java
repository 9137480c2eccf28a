package kept.backend;

import kept.tensor.Device;

class CpuOptimizerKernelContractTest extends OptimizerKernelContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
