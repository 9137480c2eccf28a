package kept.distill;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import kept.checkpoint.CheckpointException;
import kept.checkpoint.SafetensorsFile;
import kept.checkpoint.SafetensorsWriter;
import kept.checkpoint.TensorEntry;
import kept.checkpoint.TensorSpec;
import kept.model.HostCopy;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * A training run on disk: one safetensors file with the trained parameters, both moments of each, and in its metadata the step, the place in the
 * data, the results on held-out text and the settings. Written under a temporary name and renamed, so that a kill leaves the old state or the new
 * one.
 */
final class TrainingState {
    private static final String FIRST_MOMENT = "adamw.first.";
    private static final String SECOND_MOMENT = "adamw.second.";
    private static final String STEP = "kept.step";
    private static final String POSITION = "kept.position";
    private static final String HELD_OUT = "kept.held_out.";
    private static final String SETTING = "kept.setting.";

    private TrainingState() {}

    /**
     * How far a run has come.
     *
     * @param step the steps done
     * @param position the place in the data
     * @param heldOut the results on held-out text so far
     */
    record Place(long step, long position, HeldOutCurve heldOut) {}

    static void save(Path file, AdamW optimizer, Place place, Map<String, String> settings) {
        Map<String, Tensor> tensors = tensors(optimizer);
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(STEP, Long.toString(place.step()));
        metadata.put(POSITION, Long.toString(place.position()));
        place.heldOut().results().forEach(result -> metadata.put(HELD_OUT + result.step(),
                "%d %s %s".formatted(result.tokens(), result.klMean(), result.top1Agreement())));
        settings.forEach((name, value) -> metadata.put(SETTING + name, value));
        List<TensorSpec> specs = new ArrayList<>();
        tensors.forEach((name, tensor) -> specs.add(new TensorSpec(name, tensor.dtype(), tensor.shape())));
        try (var writer = SafetensorsWriter.create(file, specs, metadata)) {
            tensors.forEach((name, tensor) -> HostCopy.with(tensor, tensor.dtype(), bytes -> writer.write(name, bytes)));
            writer.finish();
        }
    }

    static Place restore(Path file, AdamW optimizer, Map<String, String> settings) {
        try (var saved = SafetensorsFile.open(file)) {
            requireSame(file, saved.metadata(), settings);
            Place place = new Place(number(saved, STEP), number(saved, POSITION), heldOut(saved));
            try (var _ = Scope.open(optimizer.parameters().firstEntry().getValue().value().device())) {
                Map<String, AdamW.Moments> moments = new HashMap<>();
                for (Map.Entry<String, Parameter> entry : optimizer.parameters().entrySet()) {
                    String name = entry.getKey();
                    entry.getValue().value().assign(read(saved, name, entry.getValue().value()));
                    AdamW.Moments shapes = optimizer.moments().get(name);
                    moments.put(name, new AdamW.Moments(
                            read(saved, FIRST_MOMENT + name, shapes.first()), read(saved, SECOND_MOMENT + name, shapes.second())));
                }
                optimizer.restore(place.step(), moments);
            }
            return place;
        }
    }

    private static Map<String, Tensor> tensors(AdamW optimizer) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        optimizer.parameters().forEach((name, parameter) -> tensors.put(name, parameter.value()));
        optimizer.moments().forEach((name, moments) -> {
            tensors.put(FIRST_MOMENT + name, moments.first());
            tensors.put(SECOND_MOMENT + name, moments.second());
        });
        return tensors;
    }

    private static Tensor read(SafetensorsFile saved, String name, Tensor like) {
        TensorEntry entry = saved.entry(name);
        if (!entry.shape().equals(like.shape()) || entry.dtype() != like.dtype()) {
            throw new CheckpointException("training state", saved.path(), name, entry.offset(), "is %s %s, but the model has %s %s"
                    .formatted(entry.dtype().label(), entry.shape(), like.dtype().label(), like.shape()));
        }
        return Tensor.from(saved.data(name), entry.dtype(), entry.shape());
    }

    private static long number(SafetensorsFile saved, String key) {
        try {
            return Long.parseLong(saved.metadata().getOrDefault(key, ""));
        } catch (NumberFormatException e) {
            throw new CheckpointException(
                    "training state", saved.path(), "its metadata has no number '%s'; it is not a training state".formatted(key));
        }
    }

    private static HeldOutCurve heldOut(SafetensorsFile saved) {
        List<HeldOutResult> results = new ArrayList<>();
        try {
            saved.metadata().forEach((key, value) -> {
                if (key.startsWith(HELD_OUT)) {
                    String[] numbers = value.split(" ");
                    results.add(new HeldOutResult(Long.parseLong(key.substring(HELD_OUT.length())), Long.parseLong(numbers[0]),
                            Double.parseDouble(numbers[1]), Double.parseDouble(numbers[2])));
                }
            });
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new CheckpointException("training state", saved.path(), "its results on held-out text are no numbers; it is not a training state");
        }
        results.sort(Comparator.comparingLong(HeldOutResult::step));
        return new HeldOutCurve(results);
    }

    private static void requireSame(Path file, Map<String, String> metadata, Map<String, String> settings) {
        Map<String, String> before = new HashMap<>();
        metadata.forEach((key, value) -> {
            if (key.startsWith(SETTING)) {
                before.put(key.substring(SETTING.length()), value);
            }
        });
        var names = new TreeSet<>(before.keySet());
        names.addAll(settings.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            String old = before.get(name);
            String now = settings.get(name);
            if (old == null || !old.equals(now)) {
                differences.add("%s was %s, is %s".formatted(name, old, now));
            }
        }
        if (!differences.isEmpty()) {
            throw new TrainingException("[resume] %s was saved by a run with other settings: %s".formatted(file, String.join("; ", differences)));
        }
    }
}
