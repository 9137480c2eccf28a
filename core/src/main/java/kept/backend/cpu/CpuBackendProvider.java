package kept.backend.cpu;

import kept.backend.Backend;
import kept.backend.BackendProvider;

/** Opens the CPU backend. */
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
        // Reads the number of threads before the pool's class is loaded, which starts the threads, so that a wrong number is reported as an error.
        CpuSettings.threads();
        return new CpuBackend(CpuSettings.memory());
    }
}
