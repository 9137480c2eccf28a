package kept.backend;

import kept.tensor.Device;

class CpuLeastSquaresContractTest extends LeastSquaresContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }
}
