package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The CPU as users reach it: found by name, with its memory counted. */
class CpuBackendTest {
    @Test
    void withoutTheVectorApiTheRemedyIsNamed(@TempDir Path directory) throws Exception {
        ChildJvm withoutVectors = ChildJvm.run(directory, TrainingStep.class);
        assertThat(withoutVectors.status()).isEqualTo(1);
        assertThat(withoutVectors.output()).isEmpty();
        assertThat(withoutVectors.errors())
                .contains("DeviceException: [device] cpu needs the Vector API: start java with --add-modules jdk.incubator.vector");
    }

    @Test
    void isFoundByNameAndSaysWhatItRunsOn() {
        assertThat(Device.names()).contains("cpu");
        assertThat(Device.cpu().name()).isEqualTo("cpu");
        assertThat(Device.cpu().backend().description()).startsWith("cpu: ").contains("-bit vectors");
    }

    @Test
    void multipliesAndAddsSmallMatrices() {
        try (var _ = Scope.open()) {
            Tensor a = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
            Tensor b = Tensor.of(new float[] {5, 6, 7, 8}, 2, 2);
            Tensor out = Tensor.empty(DType.F32, Shape.of(2, 2));
            out.backend().matmul(a, b, out, false);
            assertThat(out.toFloatArray()).containsExactly(19, 22, 43, 50);
            out.backend().binary(Binary.ADD, a, b, out);
            assertThat(out.toFloatArray()).containsExactly(6, 8, 10, 12);
        }
    }
}
