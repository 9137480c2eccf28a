package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.Device;
import kept.tensor.DeviceException;
import org.junit.jupiter.api.Test;

class CudaBackendProviderTest {
    @Test
    void cudaIsAKnownNameBesideTheCpu() {
        assertThat(Device.names()).containsExactly("cpu", "cuda", "virtual");
    }

    @Test
    void whoeverAsksForCudaIsToldInOneLineWhyItIsNotThere() {
        for (int attempt = 0; attempt < 2; attempt++) {
            assertThatThrownBy(() -> Device.of("cuda"))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage("[device] cuda: this version has no CUDA backend yet; use the device cpu");
        }
        assertThat(Device.of("cpu")).isSameAs(Device.cpu());
    }
}
