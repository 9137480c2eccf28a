package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class CpuOptimizerKernelContractTest extends OptimizerKernelContract {
    @Override
    protected Device device() {
        return Device.cpu();
    }

    @Test
    void aSumOfSquaresOfBf16HasTheBitsOfTheSameNumbersInF32() {
        for (int count : new int[] {1, 31, 4098, 70_001}) {
            Tensor x = normal(DType.BF16, count, 1, count);
            assertThat(backend().sumOfSquares(List.of(x))).isEqualTo(backend().sumOfSquares(List.of(Tensor.of(x.toFloatArray()))));
        }
    }
}
