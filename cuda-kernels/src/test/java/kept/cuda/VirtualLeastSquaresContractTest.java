package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import kept.backend.LeastSquaresContract;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.Device;
import kept.tensor.OutOfMemoryException;
import org.junit.jupiter.api.Test;

class VirtualLeastSquaresContractTest extends LeastSquaresContract {
    @Override
    protected Device device() {
        return VirtualCudaProvider.testDevice();
    }

    @Test
    void whatFindsNoRoomFreesWhatItHad() {
        VirtualGpu small = VirtualGpu.open(36 << 20);
        try (var backend = new CudaBackend(small.driver(), small.blas(), 0)) {
            long before = backend.memoryUsage().inUse();
            assertThatExceptionOfType(OutOfMemoryException.class).isThrownBy(() -> backend.leastSquares(600));
            assertThat(backend.memoryUsage().inUse()).isEqualTo(before);
        }
    }
}
