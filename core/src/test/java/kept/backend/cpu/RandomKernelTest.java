package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import kept.backend.Distribution;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class RandomKernelTest {
    @Test
    void normalNumbersAreThoseOfBoxAndMuller() {
        try (var _ = Scope.open()) {
            Tensor tensor = Tensor.empty(DType.F32, Shape.of(10_000));
            RandomKernel.random(Distribution.UNIFORM, 5, 6, tensor);
            float[] uniform = tensor.toFloatArray();
            RandomKernel.random(Distribution.NORMAL, 5, 6, tensor);
            float[] normal = tensor.toFloatArray();
            for (int i = 0; i < normal.length; i += 2) {
                double radius = Math.sqrt(-2 * Math.log(uniform[i] + 0x1p-24));
                double angle = 2 * Math.PI * uniform[i + 1];
                assertThat((double) normal[i]).isCloseTo(radius * Math.cos(angle), Offset.offset(2e-6));
                assertThat((double) normal[i + 1]).isCloseTo(radius * Math.sin(angle), Offset.offset(2e-6));
            }
        }
    }
}
