package kept.cuda;

import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.Device;

/** Opens the CUDA backend on a virtual GPU, under the name {@code virtual}: the same code and the same PTX, run in Java. */
public final class VirtualCudaProvider implements BackendProvider {
    private static final VirtualGpu GPU = VirtualGpu.open();

    /** For {@link java.util.ServiceLoader}. */
    public VirtualCudaProvider() {}

    /**
     * The device that contract tests run on: the virtual one, or what {@code -Dkept.test.device} names, such as {@code cuda} on a machine with a GPU.
     *
     * @return the device
     */
    public static Device testDevice() {
        return Device.of(System.getProperty("kept.test.device", "virtual"));
    }

    @Override
    public String name() {
        return "virtual";
    }

    @Override
    public Backend open() {
        return new CudaBackend(GPU.driver(), GPU.blas(), 0);
    }

    /**
     * The GPU behind the device {@code virtual}.
     *
     * @return the one of this process
     */
    public static VirtualGpu gpu() {
        return GPU;
    }
}
