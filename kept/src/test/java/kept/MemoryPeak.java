package kept;

import kept.backend.MemoryUsage;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

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
            // The device counts its peak since it was opened: fill up to it, so that the code sets a new one.
            MemoryUsage usage = device.memoryUsage();
            Tensor.empty(DType.F32, Shape.of((usage.peakInUse() - usage.inUse()) / 4 + 1));
            long before = device.memoryUsage().inUse();
            try (var _ = Scope.open(device)) {
                code.run();
            }
            return device.memoryUsage().peakInUse() - before;
        }
    }
}
