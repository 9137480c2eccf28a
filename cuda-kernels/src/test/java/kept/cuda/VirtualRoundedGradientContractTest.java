package kept.cuda;

import kept.backend.RoundedGradientContract;
import kept.tensor.Device;

class VirtualRoundedGradientContractTest extends RoundedGradientContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }
}
