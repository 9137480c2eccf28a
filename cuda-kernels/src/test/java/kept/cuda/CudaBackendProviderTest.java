package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.library.FakeLibrary;
import kept.cuda.library.MissingLibraryException;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import org.junit.jupiter.api.Test;

/** Each reason for an unavailable device is reported in one line. */
class CudaBackendProviderTest {
    @Test
    void cudaIsAKnownNameBesideTheCpu() {
        FakeLibrary driver = FakeLibrary.driver();
        driver.on("cuDriverGetVersion", call -> put(call, 12040));
        driver.on("cuDeviceGetCount", call -> put(call, 1));
        assertThat(Device.names()).isEqualTo(withVirtual("cpu", "cuda"));
        driver.on("cuDeviceGetCount", call -> put(call, 3));
        assertThat(Device.names()).isEqualTo(withVirtual("cpu", "cuda:0", "cuda:1", "cuda:2"));
        driver.on("cuDeviceGetCount", call -> put(call, 0));
        assertThat(Device.names()).as("without a GPU").isEqualTo(withVirtual("cpu", "cuda"));
        assertThat(Device.of("cpu")).isSameAs(Device.cpu());
    }

    /** The names of the CPU, the GPUs of this machine, and the virtual GPUs of the tests. */
    private static List<String> withVirtual(String... names) {
        Stream<String> sized = IntStream.range(0, new SizedCudaProvider().count()).mapToObj("sized:%d"::formatted);
        Stream<String> joined = IntStream.range(0, new JoinedCudaProvider().count()).mapToObj("joined:%d"::formatted);
        return Stream.of(Stream.of(names), joined, sized, Stream.of("virtual")).flatMap(part -> part).toList();
    }

    private static int put(FakeLibrary.Arguments call, int value) {
        call.put(0, value);
        return 0;
    }

    @Test
    void noDriver() {
        assertAbsent(new Machine(null, List.of()) {
            @Override
            public Driver driver() {
                throw new MissingLibraryException("no NVIDIA driver on this machine (libcuda.so.1: no such thing)");
            }
        }, "[device] cuda: no NVIDIA driver on this machine (libcuda.so.1: no such thing)");
    }

    @Test
    void aDriverThatDoesNotStart() {
        assertAbsent(new Machine(null, List.of()) {
            @Override
            public Driver driver() {
                throw new CudaException(999, "[driver] cuInit: CUDA_ERROR_UNKNOWN (999), unknown error");
            }
        }, "[device] cuda: cuInit: CUDA_ERROR_UNKNOWN (999), unknown error");
    }

    @Test
    void aDriverTooOld() {
        assertAbsent(new Machine(11040, List.of(80)),
                "[device] cuda: the NVIDIA driver is too old: it supports CUDA 11.4, and 12.0 is required; update the driver");
    }

    @Test
    void noDevice() {
        assertAbsent(new Machine(12000, List.of()), "[device] cuda: the NVIDIA driver finds no GPU; does CUDA_VISIBLE_DEVICES name one?");
    }

    @Test
    void devicesTooOld() {
        assertAbsent(new Machine(12000, List.of(75, 61)), "[device] cuda: "
                + "GPU 0 has compute capability 7.5, and 8.0 (Ampere) or later is required; "
                + "GPU 1 has compute capability 6.1, and 8.0 (Ampere) or later is required");
    }

    @Test
    void noCublas() {
        assertAbsent(new Machine(12000, List.of(75, 80)) {
            @Override
            public Blas blas(Driver driver) {
                throw new MissingLibraryException("no cuBLAS: looked for libcublas.so.12 in the linker's path");
            }
        }, "[device] cuda: no cuBLAS: looked for libcublas.so.12 in the linker's path");
    }

    @Test
    void severalDevicesAreCountedAndTheFirstUsableIsMeantByTheBareName() {
        var provider = new CudaBackendProvider(new Machine(12040, List.of(75, 90, 80)));
        assertThat(provider.count()).isEqualTo(3);
        assertThat(provider.first()).isEqualTo(1);
        assertThatThrownBy(() -> provider.open(0)).isInstanceOf(DeviceException.class)
                .hasMessage("[device] cuda:0: GPU 0 has compute capability 7.5, and 8.0 (Ampere) or later is required");
    }

    @Test
    void aDeviceNeedsVirtualMemoryManagementOrMemoryPools() {
        for (DeviceAttribute missing : List.of(DeviceAttribute.VIRTUAL_MEMORY, DeviceAttribute.MEMORY_POOLS)) {
            assertThat(new CudaBackendProvider(new Machine(12040, List.of(80), missing)).first()).as("without %s", missing).isZero();
        }
        assertAbsent(new Machine(12040, List.of(80), DeviceAttribute.VIRTUAL_MEMORY, DeviceAttribute.MEMORY_POOLS),
                "[device] cuda: GPU 0 supports neither virtual memory management nor memory pools on this system");
    }

    private static void assertAbsent(CudaBackendProvider.Machine machine, String message) {
        for (int attempt = 0; attempt < 2; attempt++) {
            var provider = new CudaBackendProvider(machine);
            assertThatThrownBy(() -> provider.open(provider.first())).isInstanceOf(DeviceException.class).hasMessage(message);
        }
    }

    /** A machine whose driver answers queries only; opening it fails if the version is null. */
    private static class Machine implements CudaBackendProvider.Machine {
        private final Integer version;
        private final List<Integer> capabilities;
        private final List<DeviceAttribute> missing;

        Machine(Integer version, List<Integer> capabilities, DeviceAttribute... missing) {
            this.version = version;
            this.capabilities = capabilities;
            this.missing = List.of(missing);
        }

        @Override
        public Driver driver() {
            return (Driver) Proxy.newProxyInstance(Driver.class.getClassLoader(), new Class<?>[] {Driver.class}, (_, method, arguments) ->
                    switch (method.getName()) {
                        case "version" -> version;
                        case "deviceCount" -> capabilities.size();
                        case "deviceName" -> "GPU " + arguments[0];
                        case "attribute" -> attribute((int) arguments[0], (DeviceAttribute) arguments[1]);
                        default -> throw new AssertionError(method + " is called before the device is known to be usable");
                    });
        }

        private int attribute(int device, DeviceAttribute attribute) {
            return switch (attribute) {
                case CAPABILITY_MAJOR -> capabilities.get(device) / 10;
                case CAPABILITY_MINOR -> capabilities.get(device) % 10;
                default -> missing.contains(attribute) ? 0 : 1;
            };
        }

        @Override
        public Blas blas(Driver driver) {
            throw new AssertionError("not reached");
        }
    }
}
