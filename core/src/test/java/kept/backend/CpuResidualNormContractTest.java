package kept.backend;

import kept.tensor.Device;

class CpuResidualNormContractTest extends ResidualNormContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
