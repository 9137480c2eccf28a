package kept.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.cublas.Blas;
import kept.cuda.cublas.FfmBlas;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.FfmDriver;
import kept.cuda.library.NativeLibrary;
import kept.cuda.nccl.FfmNccl;
import kept.cuda.nccl.NcclCalls;
import kept.tensor.DeviceException;
import kept.tensor.TensorException;

/**
 * Opens NVIDIA GPUs under the names {@code cuda:0}, {@code cuda:1} and so on; {@code cuda} is the first that can run the kernels. No native library
 * is loaded before a device is asked for, so the provider works on machines without a GPU; the methods then report what is missing in one line.
 */
public final class CudaBackendProvider implements BackendProvider {
    /** CUDA 12.0, the first version whose driver has cuLibraryLoadData. */
    private static final int MIN_DRIVER = 12000;
    /** Compute capability 8.0, the target of the PTX. */
    private static final int MIN_CAPABILITY = 80;

    /** Value of {@value NativeLibrary#NCCL_PROPERTY} with which tensors go to other ranks through the host's memory. */
    private static final String NO_NCCL = "none";

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
     * The number of GPUs that the driver finds.
     *
     * @return the number, 1 or more
     * @throws DeviceException as {@link #first}
     */
    @Override
    public int count() {
        return reported(() -> gpus(driver()));
    }

    /**
     * The first GPU that can run the kernels.
     *
     * @return its index
     * @throws DeviceException if there is no driver, it does not start or is older than CUDA 12.0, or there is no GPU of compute capability 8.0 or
     *         later; the message says which, with what the system's linker or the driver said
     */
    @Override
    public int first() {
        return reported(() -> {
            Driver driver = driver();
            List<String> unusable = new ArrayList<>();
            for (int device = 0; device < gpus(driver); device++) {
                String reason = whyUnusable(driver, device);
                if (reason == null) {
                    return device;
                }
                unusable.add(reason);
            }
            throw unavailable(String.join("; ", unusable), null);
        });
    }

    /**
     * Opens a GPU.
     *
     * @param index which of those that the driver finds, from 0
     * @return backend on the GPU
     * @throws DeviceException as {@link #first}, if this GPU cannot run the kernels, or if there is no cuBLAS
     */
    @Override
    public Backend open(int index) {
        return reported(() -> {
            Driver driver = driver();
            String reason = whyUnusable(driver, index);
            if (reason != null) {
                throw new DeviceException("[device] cuda:%d: %s".formatted(index, reason));
            }
            return new CudaBackend(driver, machine.blas(driver), index, machine.nccl());
        });
    }

    /** The driver, once it is known to be new enough. */
    private Driver driver() {
        Driver driver = machine.driver();
        if (driver.version() < MIN_DRIVER) {
            throw unavailable("the NVIDIA driver is too old: it supports CUDA %d.%d, and %d.%d is required; update the driver".formatted(
                    driver.version() / 1000, driver.version() % 1000 / 10, MIN_DRIVER / 1000, MIN_DRIVER % 1000 / 10), null);
        }
        return driver;
    }

    private static int gpus(Driver driver) {
        int devices = driver.deviceCount();
        if (devices == 0) {
            throw unavailable("the NVIDIA driver finds no GPU; does CUDA_VISIBLE_DEVICES name one?", null);
        }
        return devices;
    }

    /** Null if the kernels run on the device. */
    private static String whyUnusable(Driver driver, int device) {
        int major = driver.attribute(device, DeviceAttribute.CAPABILITY_MAJOR);
        int minor = driver.attribute(device, DeviceAttribute.CAPABILITY_MINOR);
        if (major * 10 + minor < MIN_CAPABILITY) {
            return "%s has compute capability %d.%d, and 8.0 (Ampere) or later is required".formatted(driver.deviceName(device), major, minor);
        }
        boolean hasMemory = driver.attribute(device, DeviceAttribute.VIRTUAL_MEMORY) != 0
                || driver.attribute(device, DeviceAttribute.MEMORY_POOLS) != 0;
        return hasMemory ? null
                : "%s supports neither virtual memory management nor memory pools on this system".formatted(driver.deviceName(device));
    }

    /** Reports what the driver and the libraries throw as the reason why the device cannot be used. */
    private static <T> T reported(Supplier<T> query) {
        try {
            return query.get();
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
        return new CudaBackend(driver, blas, 0, null);
    }

    private static DeviceException unavailable(String reason, Throwable cause) {
        return new DeviceException("[device] cuda: " + reason, cause);
    }

    /** The driver and cuBLAS of a machine; tests replace it. */
    interface Machine {
        Driver driver();

        Blas blas(Driver driver);

        /** How NCCL is opened; null if it is not to be used. */
        default Supplier<NcclCalls> nccl() {
            return null;
        }
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

        @Override
        public Supplier<NcclCalls> nccl() {
            return NO_NCCL.equals(System.getProperty(NativeLibrary.NCCL_PROPERTY)) ? null : FfmNccl::open;
        }
    }
}
