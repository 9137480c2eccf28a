package kept.cuda;

import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.tensor.DeviceException;

/** Opens NVIDIA GPUs under the name {@code cuda}. This version has the name and the place of the backend, not yet the backend. */
public final class CudaBackendProvider implements BackendProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CudaBackendProvider() {}

    @Override
    public String name() {
        return "cuda";
    }

    /**
     * Says why there is no such device.
     *
     * @return never
     * @throws DeviceException always, in this version
     */
    @Override
    public Backend open() {
        throw new DeviceException("[device] cuda: this version has no CUDA backend yet; use the device cpu");
    }
}
