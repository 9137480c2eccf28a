package kept.backend;

import kept.tensor.Device;

class CpuRoundedGradientContractTest extends RoundedGradientContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
