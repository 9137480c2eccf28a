package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** On the class path no module descriptor names the providers of devices; META-INF/services does. */
class ClassPathTest {
    @Test
    void devicesAreFoundWithoutModules() {
        assertThat(Tensor.class.getModule().isNamed()).isFalse();
        assertThat(Device.names()).contains("cpu", "cuda");
        try (var _ = Scope.open()) {
            assertThat(Tensor.of(new float[] {1, 2}, 2).add(Tensor.of(new float[] {3, 5}, 2)).toFloatArray()).containsExactly(4, 7);
        }
    }
}
