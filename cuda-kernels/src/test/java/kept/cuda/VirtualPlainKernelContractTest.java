package kept.cuda;

import kept.backend.ElementwiseContract;
import kept.backend.IndexContract;
import kept.backend.RandomContract;
import kept.backend.ReductionContract;
import kept.tensor.Device;
import org.junit.jupiter.api.Nested;

/** The CUDA backend keeps the contracts of the plain kernels. */
class VirtualPlainKernelContractTest {
    @Nested
    class Elementwise extends ElementwiseContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Reductions extends ReductionContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Index extends IndexContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }

    @Nested
    class Random extends RandomContract {
        @Override
        protected Device device() {
            return VirtualCudaProvider.testDevice();
        }
    }
}
