package kept.bench;

import java.util.List;
import java.util.stream.Collectors;
import kept.bench.recording.GpuModel;
import kept.bench.recording.Prediction;
import kept.bench.recording.RecordedDevice;
import kept.bench.recording.Recording;
import kept.bench.recording.Recording.Event;
import kept.bench.recording.Recording.Launch;
import kept.tensor.Device;

/** Predicts the time of operations on a GPU from what they launch on a device that records. */
final class PredictedTimes {
    private final GpuModel model;

    PredictedTimes(GpuModel model) {
        this.model = model;
    }

    /**
     * What an operation launches.
     *
     * @param kernels names of its kernels, each once, in order
     * @param millis predicted time in milliseconds
     */
    record Operation(List<String> kernels, double millis) {
        String title() {
            return kernels.isEmpty() ? "products" : kernels.stream().collect(Collectors.joining(" + "));
        }
    }

    /** The device whose operations are recorded; operands must be created on it. */
    Device device() {
        return RecordedDevice.of(model);
    }

    GpuModel model() {
        return model;
    }

    /**
     * Records an operation on operands of {@link #device}.
     *
     * @param operation runs kernels
     * @return kernels and time
     */
    Operation of(Runnable operation) {
        Recording recording = RecordedDevice.recording(model);
        int from = recording.size();
        operation.run();
        List<Event> events = recording.since(from);
        List<String> kernels = events.stream().filter(Launch.class::isInstance).map(event -> ((Launch) event).kernel()).distinct().toList();
        return new Operation(kernels, Prediction.of(events, model).seconds() * 1e3);
    }
}
