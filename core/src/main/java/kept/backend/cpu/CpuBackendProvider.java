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
        // Reads the settings before the classes are loaded that keep them, so that a wrong one is reported as an error.
        CpuSettings.threads();
        CpuSettings.machineCode();
        return new CpuBackend(CpuSettings.memory());
    }
}
