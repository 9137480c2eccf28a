package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import kept.backend.Distribution;
import kept.backend.ElementwiseContract;
import kept.backend.IndexContract;
import kept.backend.RandomContract;
import kept.backend.ReductionContract;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The contract tests of the primitive kernels on the virtual GPU. */
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

        @Test
        void numbersAreBitIdenticalToTheCpus() {
            for (Distribution distribution : Distribution.values()) {
                assertThat(numbers(device(), distribution)).as("%s", distribution).isEqualTo(numbers(Device.cpu(), distribution));
            }
        }

        private static float[] numbers(Device device, Distribution distribution) {
            try (var _ = Scope.open(device)) {
                Tensor out = Tensor.empty(DType.F32, Shape.of(20_001));
                device.backend().random(distribution, 0x1234_5678_9abc_def0L, -7, out);
                return out.toFloatArray();
            }
        }
    }
}
