package kept.cuda;

import kept.backend.LossKernelContract;
import kept.backend.MatmulContract;
import kept.backend.OptimizerKernelContract;
import kept.tensor.Device;
import org.junit.jupiter.api.Nested;

/** The contract tests of matmul, losses and optimizer on the virtual GPU. */
class VirtualTrainingContractTest {
    @Nested
    class Products extends MatmulContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Losses extends LossKernelContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Optimizer extends OptimizerKernelContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }
}
