package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import kept.tensor.Device;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A device that has the primitive kernels alone keeps the contracts of all kernels. Its primitive kernels are the CPU's, whose own tests hold their
 * contracts; {@code -Dkept.thorough} runs these too.
 */
class PrimitiveContractTest {
    private static final boolean IS_SLOW = !Boolean.getBoolean("kept.thorough");

    @Nested
    @Tag("thorough")
    class Elementwise extends ElementwiseContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    @Tag("thorough")
    class Reductions extends ReductionContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    @Tag("thorough")
    class Index extends IndexContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    @Tag("thorough")
    class Random extends RandomContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class BlockProducts extends BlockProductContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }

        @Test
        void aMatrixThatIsWidenedInPartsHasItsProducts() {
            assertThat(300 * 1056 * 4L).isGreaterThan(device().backend().chunkBytes());
            assertProducts(3, 300, 1056);
        }
    }

    @Nested
    @Tag("thorough")
    class Matmul extends MatmulContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class Rows extends RowKernelContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }

        @Override
        protected boolean isSlow() {
            return IS_SLOW;
        }
    }

    @Nested
    class ResidualNorms extends ResidualNormContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class RoundedGradients extends RoundedGradientContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class Losses extends LossKernelContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class Attention extends AttentionContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }

        @Override
        protected boolean isSlow() {
            return IS_SLOW;
        }
    }

    @Nested
    class Optimizer extends OptimizerKernelContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }

    @Nested
    class LeastSquares extends LeastSquaresContract {
        @Override
        protected Device device() {
            return PrimitiveDevice.get();
        }
    }
}
