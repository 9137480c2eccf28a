package kept.cuda;

import java.util.ArrayList;
import java.util.List;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.cublas.Blas;
import kept.cuda.cublas.FfmBlas;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.FfmDriver;
import kept.tensor.DeviceException;
import kept.tensor.TensorException;

/**
 * Opens the first NVIDIA GPU that the kernels run on, under the name {@code cuda}. A machine without one is nothing out of the ordinary: nothing
 * native is touched before the device is asked for, and what is missing is told in one line.
 */
public final class CudaBackendProvider implements BackendProvider {
    /** CUDA 12.0: the first whose driver loads libraries of kernels. */
    private static final int OLDEST_DRIVER = 12000;
    /** Compute capability 8.0, what the PTX is compiled for. */
    private static final int OLDEST_CAPABILITY = 80;

    private final Machine machine;

    /** For {@link java.util.ServiceLoader}. */
    public CudaBackendProvider() {
        this(new ThisMachine());
    }

    CudaBackendProvider(Machine machine) {
        this.machine = machine;
    }

    @Override
    public String name() {
        return "cuda";
    }

    /**
     * Opens the GPU.
     *
     * @return its operations
     * @throws DeviceException if there is no driver, it does not start or is older than CUDA 12.0, there is no GPU of compute capability 8.0 or
     *         later,
     *         or no cuBLAS; the message says which, with what the system's linker or the driver said
     */
    @Override
    public Backend open() {
        try {
            Driver driver = machine.driver();
            if (driver.version() < OLDEST_DRIVER) {
                throw absent("the NVIDIA driver is too old: it is for CUDA %d.%d, and %d.%d is needed; update the driver".formatted(
                        driver.version() / 1000, driver.version() % 1000 / 10, OLDEST_DRIVER / 1000, OLDEST_DRIVER % 1000 / 10), null);
            }
            int device = firstUsable(driver);
            return new CudaBackend(driver, machine.blas(driver), device);
        } catch (DeviceException e) {
            throw e;
        } catch (TensorException e) {
            throw absent(e.getMessage().replaceFirst("^\\[(driver|cublas)] ", ""), e);
        }
    }

    private static int firstUsable(Driver driver) {
        int devices = driver.deviceCount();
        if (devices == 0) {
            throw absent("the NVIDIA driver finds no GPU; does CUDA_VISIBLE_DEVICES name one?", null);
        }
        List<String> unusable = new ArrayList<>();
        for (int device = 0; device < devices; device++) {
            int major = driver.attribute(device, DeviceAttribute.CAPABILITY_MAJOR);
            int minor = driver.attribute(device, DeviceAttribute.CAPABILITY_MINOR);
            if (major * 10 + minor < OLDEST_CAPABILITY) {
                unusable.add("%s has compute capability %d.%d, and 8.0 (Ampere) or later is needed"
                        .formatted(driver.deviceName(device), major, minor));
            } else if (driver.attribute(device, DeviceAttribute.MEMORY_POOLS) == 0) {
                unusable.add("%s has no memory pools here".formatted(driver.deviceName(device)));
            } else {
                return device;
            }
        }
        throw absent(String.join("; ", unusable), null);
    }

    private static DeviceException absent(String reason, Throwable cause) {
        return new DeviceException("[device] cuda: " + reason, cause);
    }

    /** What a machine has: the seam of the tests. */
    interface Machine {
        Driver driver();

        Blas blas(Driver driver);
    }

    private static final class ThisMachine implements Machine {
        @Override
        public Driver driver() {
            return FfmDriver.open();
        }

        @Override
        public Blas blas(Driver driver) {
            return FfmBlas.open((FfmDriver) driver);
        }
    }
}
