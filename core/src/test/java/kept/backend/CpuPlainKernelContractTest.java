package kept.backend;

import kept.tensor.Device;
import org.junit.jupiter.api.Nested;

/** The CPU keeps the contracts of the plain kernels. */
class CpuPlainKernelContractTest {
    @Nested
    class Elementwise extends ElementwiseContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }

    @Nested
    class Reductions extends ReductionContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }

    @Nested
    class Index extends IndexContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }

    @Nested
    class Random extends RandomContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }

    @Nested
    class BlockProducts extends BlockProductContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }

    @Nested
    class Matmul extends MatmulContract {
        @Override
        protected Device device() {
            return Device.cpu();
        }
    }
}
