package kept.backend.cpu;

import kept.backend.Backend;
import kept.backend.BackendProvider;

/** Opens the CPU. */
public final class CpuBackendProvider implements BackendProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {}

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public Backend open(int index) {
        CpuSettings.requireVectors();
        // Read here, where a wrong number of threads can still be explained: the pool starts with its class.
        CpuSettings.threads();
        return new CpuBackend(CpuSettings.memory());
    }
}
