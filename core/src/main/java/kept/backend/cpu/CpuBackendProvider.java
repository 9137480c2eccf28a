package kept.backend.cpu;

import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.tensor.DeviceException;

/** Opens the CPU. */
public final class CpuBackendProvider implements BackendProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {}

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public Backend open() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            throw new DeviceException("[device] cpu needs the Vector API: start java with --add-modules jdk.incubator.vector");
        }
        // Read here, where a wrong number of threads can still be explained: the pool starts with its class.
        CpuSettings.threads();
        return new CpuBackend(CpuSettings.memory());
    }
}
