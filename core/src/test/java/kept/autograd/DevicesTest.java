package kept.autograd;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class DevicesTest {
    @Test
    void operandsOfDifferentDevicesAreRefused() {
        Device elsewhere = OtherDevice.of("elsewhere");
        try (var _ = Scope.open()) {
            Tensor here = Tensor.ones(2);
            try (var _ = Scope.open(elsewhere)) {
                Tensor there = Tensor.ones(2);
                assertThatThrownBy(() -> there.mul(here))
                        .isInstanceOf(DeviceException.class)
                        .hasMessage("[mul] operands live on different devices: elsewhere and cpu; copy one to the other's device first");
                assertThatThrownBy(() -> here.mul(2))
                        .isInstanceOf(DeviceException.class)
                        .hasMessageStartingWith("[mul] operands live on cpu, but the current scope makes tensors on elsewhere");
                assertThatThrownBy(() -> there.assign(here))
                        .isInstanceOf(DeviceException.class)
                        .hasMessage("[assign] the source lives on cpu, this tensor on elsewhere; copy it over by way of the host");
            }
        }
    }
}
