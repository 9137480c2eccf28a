package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Properties;
import kept.backend.HostLimits;
import kept.tensor.DeviceException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuSettingsTest {
    private final Properties before = (Properties) System.getProperties().clone();

    @AfterEach
    void restore() {
        System.setProperties(before);
    }

    @Test
    void whatIsNotSetIsWhatTheMachineHas() {
        System.clearProperty("kept.threads");
        System.clearProperty("kept.cpu.memory");
        System.clearProperty("kept.cpu.processes");
        HostLimits host = HostLimits.ofThisProcess();
        assertThat(CpuSettings.threads()).isEqualTo(host.processors());
        assertThat(CpuSettings.memory().bytes()).isLessThan(host.memory().orElse(Long.MAX_VALUE));
        System.setProperty("kept.cpu.processes", "1000000");
        assertThat(CpuSettings.memory().bytes()).isZero();
    }

    @Test
    void whatIsSetIsTaken() {
        System.setProperty("kept.threads", "3");
        System.setProperty("kept.cpu.memory", "8000000000");
        assertThat(CpuSettings.threads()).isEqualTo(3);
        assertThat(CpuSettings.memory().bytes()).isEqualTo(8_000_000_000L);
    }

    @Test
    void theSmallestAndTheLargestNumberAreTaken() {
        System.setProperty("kept.threads", "1");
        System.setProperty("kept.cpu.memory", "1");
        assertThat(CpuSettings.threads()).isOne();
        assertThat(CpuSettings.memory().bytes()).isOne();
        System.setProperty("kept.threads", "1024");
        System.setProperty("kept.cpu.memory", Long.toString(Long.MAX_VALUE));
        assertThat(CpuSettings.threads()).isEqualTo(1024);
        assertThat(CpuSettings.memory().bytes()).isEqualTo(Long.MAX_VALUE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-2", "two", "", "1025", "99999999999999999999"})
    void aNumberOfThreadsThatCannotBeIsExplainedWhenTheDeviceIsOpened(String text) {
        System.setProperty("kept.threads", text);
        assertThatThrownBy(() -> new CpuBackendProvider().open(0))
                .isInstanceOf(DeviceException.class)
                .hasMessage("[device] cpu: -Dkept.threads=" + text + " is not a whole number from 1 to 1024; correct it or leave it out");
    }

    @Test
    void aNumberOfProcessesThatCannotBeIsExplained() {
        System.setProperty("kept.cpu.processes", "0");
        assertThatThrownBy(() -> new CpuBackendProvider().open(0)).isInstanceOf(DeviceException.class).hasMessageContaining("-Dkept.cpu.processes=0");
    }

    @Test
    void aLimitThatIsNoNumberIsNotIgnored() {
        System.setProperty("kept.cpu.memory", "8g");
        assertThatThrownBy(() -> new CpuBackendProvider().open(0)).isInstanceOf(DeviceException.class).hasMessageContaining("-Dkept.cpu.memory=8g");
    }

    @Test
    void machineCodeIsOffUnlessAskedFor() {
        System.clearProperty("kept.cpu.native");
        assertThat(CpuSettings.machineCode()).isFalse();
        System.setProperty("kept.cpu.native", "On");
        assertThat(CpuSettings.machineCode()).isTrue();
        System.setProperty("kept.cpu.native", "off");
        assertThat(CpuSettings.machineCode()).isFalse();
        System.setProperty("kept.cpu.native", "yes");
        assertThatThrownBy(() -> new CpuBackendProvider().open(0)).isInstanceOf(DeviceException.class)
                .hasMessage("[device] cpu: -Dkept.cpu.native=yes is neither on nor off; correct it or leave it out");
    }
}
