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
 * Opens the first NVIDIA GPU that can run the kernels, under the name {@code cuda}. No native library is loaded before the device is opened, so the
 * provider works on machines without a GPU; {@link #open} then reports what is missing in one line.
 */
public final class CudaBackendProvider implements BackendProvider {
    /** CUDA 12.0, the first version whose driver has cuLibraryLoadData. */
    private static final int MIN_DRIVER = 12000;
    /** Compute capability 8.0, the target of the PTX. */
    private static final int MIN_CAPABILITY = 80;

    private final Machine machine;

    /** Called by {@link java.util.ServiceLoader}. */
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
     * @return backend on the GPU
     * @throws DeviceException if there is no driver, it does not start or is older than CUDA 12.0, there is no GPU of compute capability 8.0 or
     *         later,
     *         or no cuBLAS; the message says which, with what the system's linker or the driver said
     */
    @Override
    public Backend open() {
        try {
            Driver driver = machine.driver();
            if (driver.version() < MIN_DRIVER) {
                throw unavailable("the NVIDIA driver is too old: it supports CUDA %d.%d, and %d.%d is required; update the driver".formatted(
                        driver.version() / 1000, driver.version() % 1000 / 10, MIN_DRIVER / 1000, MIN_DRIVER % 1000 / 10), null);
            }
            int device = firstUsable(driver);
            return new CudaBackend(driver, machine.blas(driver), device);
        } catch (DeviceException e) {
            throw e;
        } catch (TensorException e) {
            throw unavailable(e.getMessage().replaceFirst("^\\[(driver|cublas)] ", ""), e);
        }
    }

    /**
     * Opens the backend on a stand-in for driver and cuBLAS, such as one that records their calls.
     *
     * @param driver driver with one device
     * @param blas cuBLAS on that device
     * @return backend whose launches, products, copies and allocations all go to these two
     */
    public static Backend open(Driver driver, Blas blas) {
        return new CudaBackend(driver, blas, 0);
    }

    private static int firstUsable(Driver driver) {
        int devices = driver.deviceCount();
        if (devices == 0) {
            throw unavailable("the NVIDIA driver finds no GPU; does CUDA_VISIBLE_DEVICES name one?", null);
        }
        List<String> unusable = new ArrayList<>();
        for (int device = 0; device < devices; device++) {
            int major = driver.attribute(device, DeviceAttribute.CAPABILITY_MAJOR);
            int minor = driver.attribute(device, DeviceAttribute.CAPABILITY_MINOR);
            if (major * 10 + minor < MIN_CAPABILITY) {
                unusable.add("%s has compute capability %d.%d, and 8.0 (Ampere) or later is required"
                        .formatted(driver.deviceName(device), major, minor));
            } else if (driver.attribute(device, DeviceAttribute.MEMORY_POOLS) == 0) {
                unusable.add("%s does not support memory pools on this system".formatted(driver.deviceName(device)));
            } else {
                return device;
            }
        }
        throw unavailable(String.join("; ", unusable), null);
    }

    private static DeviceException unavailable(String reason, Throwable cause) {
        return new DeviceException("[device] cuda: " + reason, cause);
    }

    /** The driver and cuBLAS of a machine; tests replace it. */
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
