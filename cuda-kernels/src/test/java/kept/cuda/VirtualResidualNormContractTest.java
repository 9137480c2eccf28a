package kept.cuda;

import kept.backend.ResidualNormContract;
import kept.tensor.Device;

class VirtualResidualNormContractTest extends ResidualNormContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }
}
