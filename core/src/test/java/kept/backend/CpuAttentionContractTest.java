package kept.backend;

import kept.tensor.Device;

class CpuAttentionContractTest extends AttentionContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
