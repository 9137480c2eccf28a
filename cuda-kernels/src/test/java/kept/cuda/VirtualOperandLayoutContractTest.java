package kept.cuda;

import kept.backend.OperandLayoutContract;
import kept.tensor.Device;

class VirtualOperandLayoutContractTest extends OperandLayoutContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }
}
