package kept;

import kept.tensor.Device;
import kept.tensor.Scope;

/** Measures how much device memory some code needs at most. */
public final class MemoryPeak {
    private MemoryPeak() {}

    /**
     * Runs some code.
     *
     * @param device the device it works on
     * @param code the code
     * @return the most bytes in use at any moment while it ran, less those in use before
     */
    public static long of(Device device, Runnable code) {
        try (var _ = Scope.open(device)) {
            device.backend().resetPeakMemory();
            long before = device.memoryUsage().inUse();
            try (var _ = Scope.open(device)) {
                code.run();
            }
            return device.memoryUsage().peakInUse() - before;
        }
    }
}
