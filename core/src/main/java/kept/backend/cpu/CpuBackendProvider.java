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
    public Backend open() {
        return new CpuBackend();
    }
}
