package kept.bench.recording;

import java.util.HashMap;
import java.util.Map;
import kept.backend.Backend;
import kept.backend.BackendProvider;
import kept.cuda.CudaBackendProvider;
import kept.tensor.Device;

/**
 * Opens the CUDA backend on a driver that records its calls and computes nothing, under names such as {@code recorded-h200}. Only the benchmarks have
 * these devices, because results computed on them are meaningless.
 */
public abstract class RecordedDevice implements BackendProvider {
    private static final Map<GpuModel, Recording> RECORDINGS = new HashMap<>();

    private final GpuModel model;

    RecordedDevice(GpuModel model) {
        this.model = model;
    }

    @Override
    public final String name() {
        return name(model);
    }

    private static String name(GpuModel model) {
        return "recorded-" + model.label();
    }

    @Override
    public final Backend open(int index) {
        Recording recording = recording(model);
        return CudaBackendProvider.open(new RecordingDriver(model, recording), new RecordingBlas(recording));
    }

    /**
     * Returns the recorded device that presents itself as a GPU.
     *
     * @param model the GPU
     * @return device, the same for each call
     */
    public static Device of(GpuModel model) {
        return Device.of(name(model));
    }

    /**
     * Returns what has been recorded on a device.
     *
     * @param model the GPU that the device presents itself as
     * @return recording, which continues
     */
    public static synchronized Recording recording(GpuModel model) {
        return RECORDINGS.computeIfAbsent(model, _ -> new Recording());
    }

    /** An H200. */
    public static final class H200 extends RecordedDevice {
        /** Called by {@link java.util.ServiceLoader}. */
        public H200() {
            super(GpuModel.H200);
        }
    }

    /** An H100. */
    public static final class H100 extends RecordedDevice {
        /** Called by {@link java.util.ServiceLoader}. */
        public H100() {
            super(GpuModel.H100);
        }
    }

    /** An A100 with 80 GB. */
    public static final class A100 extends RecordedDevice {
        /** Called by {@link java.util.ServiceLoader}. */
        public A100() {
            super(GpuModel.A100);
        }
    }

    /** An RTX 4090. */
    public static final class Rtx4090 extends RecordedDevice {
        /** Called by {@link java.util.ServiceLoader}. */
        public Rtx4090() {
            super(GpuModel.RTX_4090);
        }
    }
}
