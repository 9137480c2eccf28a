package kept.cuda;

import java.util.List;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.driver.LaunchCounter;
import kept.cuda.driver.LaunchCounts;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.Device;

/** Opens the CUDA backend on a virtual GPU under the name {@code virtual}: the same backend and the same PTX, interpreted in Java. */
public final class VirtualCudaProvider implements BackendProvider, LaunchCounter {
    private static final String DEVICE = System.getProperty("kept.test.device", "virtual");
    private static final boolean THOROUGH = Boolean.getBoolean("kept.thorough");
    private static final VirtualGpu GPU = VirtualGpu.open().deferring().varyingProducts().reordering(THOROUGH ? Integer.MAX_VALUE : 1);

    /** Called by {@link java.util.ServiceLoader}. */
    public VirtualCudaProvider() {}

    /**
     * Returns the device of the contract tests: the virtual GPU, or the device that {@code -Dkept.test.device} names, such as {@code cuda}.
     *
     * @return device
     */
    public static Device testDevice() {
        return Device.of(DEVICE);
    }

    /**
     * Whether contract tests leave the largest operands to their thorough form.
     *
     * @return true on the virtual GPU without {@code -Dkept.thorough}
     */
    static boolean isSlow() {
        return DEVICE.equals("virtual") && !THOROUGH;
    }

    /**
     * Returns the backend of {@link #testDevice}.
     *
     * @return backend, without the checks of operands
     */
    static CudaBackend testBackend() {
        return (CudaBackend) OperandChecks.unwrap(testDevice().backend().unguarded());
    }

    @Override
    public String name() {
        return "virtual";
    }

    @Override
    public Backend open(int index) {
        return OperandChecks.around(new CudaBackend(GPU.driver(), GPU.blas(), 0), GPU);
    }

    @Override
    public void count(boolean counting) {
        GPU.driver().count(counting);
    }

    @Override
    public List<LaunchCounts> takeCounts() {
        return GPU.driver().takeCounts();
    }

    /**
     * Returns the GPU of the device {@code virtual}.
     *
     * @return the virtual GPU of this process
     */
    public static VirtualGpu gpu() {
        return GPU;
    }
}
