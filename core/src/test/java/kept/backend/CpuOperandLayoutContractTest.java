package kept.backend;

import kept.tensor.Device;

class CpuOperandLayoutContractTest extends OperandLayoutContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
