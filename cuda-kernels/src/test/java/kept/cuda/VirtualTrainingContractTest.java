package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import kept.backend.BlockProductContract;
import kept.backend.LossKernelContract;
import kept.backend.MatmulContract;
import kept.backend.OptimizerKernelContract;
import kept.tensor.Device;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The contract tests of matmul, losses and optimizer on the virtual GPU. */
class VirtualTrainingContractTest {
    @Nested
    class BlockProducts extends BlockProductContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Products extends MatmulContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }

        @Test
        void theVirtualDeviceChoosesTheOrderOfAdditionsByTheShape() {
            if (device().equals(Device.of("virtual"))) {
                assertThat(productsWithOtherBitsOfRows()).isPositive();
            }
            assertThat(device().backend().keepsBitsOfRows()).isFalse();
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
