package kept.autograd;

import kept.backend.MemoryUsage;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Measures how much device memory some code needs at most. */
final class MemoryPeak {
    private MemoryPeak() {}

    /** The most bytes in use at any moment while the code runs in a scope of its own, less those in use before. */
    static long of(Device device, Runnable code) {
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
