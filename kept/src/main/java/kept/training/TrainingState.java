package kept.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.io.FileException;
import kept.io.SettingDifferences;
import kept.model.HostCopy;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.text.Json;
import kept.text.JsonException;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;

/**
 * A training run on disk: one safetensors file with the trained parameters and both moments of each. Its metadata contains the step, the position in
 * the data, the metrics of steps and the results on held-out text, the settings, the backend that computed it, and a checksum of each part. Written
 * under a temporary name and renamed, so that a kill leaves the old state or the new one.
 */
public final class TrainingState {
    private static final String FIRST_MOMENT = "adamw.first.";
    private static final String SECOND_MOMENT = "adamw.second.";
    private static final String STEP = "kept.step";
    private static final String POSITION = "kept.position";
    private static final String HELD_OUT = "kept.held_out.";
    private static final String METRICS = "kept.metrics";
    private static final String NOT_FINITE = "kept.not_finite";
    private static final String ARITHMETIC = "kept.arithmetic";
    private static final String SETTINGS = "kept.settings";
    /** The prefix of keys for single settings, which former versions saved. */
    private static final String FORMER_SETTING = "kept.setting.";
    /** The settings that may be changed in a run that met NaN or infinity. */
    private static final Set<String> CHANGEABLE = Set.of("learning rate", "optimizer", "largest gradient norm");

    /**
     * The setting of a run whose total of steps was raised: the steps for which its text was read. Only runs that have it may have more steps than
     * their state was saved with.
     */
    public static final String TEXT_STEPS = "text for steps";
    /** How a run was resumed in another way than its command says, one line each: saved with the settings, and not compared. */
    public static final String RESUMPTIONS = "resumed";
    /** The setting with a run's total of steps. */
    public static final String STEPS = "steps";
    /** The settings that follow from the total of steps. */
    private static final Set<String> OF_STEPS = Set.of(STEPS, "learning rate, totalSteps");
    /** The setting with the steps between evaluations, which follow from the total too unless they are given, and the patience. */
    private static final String EVALUATIONS = "judged";

    private final Path file;
    private final Map<String, String> metadata;

    private TrainingState(Path file, Map<String, String> metadata) {
        this.file = file;
        this.metadata = metadata;
    }

    /**
     * The progress of a run.
     *
     * @param step the number of completed steps
     * @param position the position in the data
     * @param heldOut the results on held-out text so far
     * @param metrics the metrics of each step, without its seconds
     * @param notFinite how the run met NaN or infinity after this state; null if it did not
     */
    public record Place(long step, long position, HeldOutCurve heldOut, List<StepMetrics> metrics, String notFinite) {
        /** Makes the lists immutable. */
        public Place {
            metrics = List.copyOf(metrics);
        }
    }

    /**
     * Reads all of a saved state and compares it with its checksums.
     *
     * @param file the state
     * @return what may be asked of it
     * @throws FileException naming the file, and the first tensor that does not have its checksum
     */
    public static TrainingState open(Path file) {
        try (var saved = SafetensorsFile.open(file)) {
            saved.requireIntact();
            return new TrainingState(file, saved.metadata());
        }
    }

    static void save(Path file, TrainedTensors trained, Place place, Map<String, String> settings) {
        Map<String, Tensor> tensors = tensors(trained);
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(STEP, Long.toString(place.step()));
        metadata.put(POSITION, Long.toString(place.position()));
        place.heldOut().results().forEach(result -> metadata.put(HELD_OUT + result.step(),
                "%d %s %s".formatted(result.tokens(), result.klMean(), result.top1Agreement())));
        metadata.put(METRICS, SavedMetrics.encode(place.metrics()));
        if (place.notFinite() != null) {
            metadata.put(NOT_FINITE, place.notFinite());
        }
        metadata.put(ARITHMETIC, device(trained).backend().arithmetic());
        metadata.put(SETTINGS, Json.write(settings));
        List<TensorSpec> specs = new ArrayList<>();
        tensors.forEach((name, tensor) -> specs.add(new TensorSpec(name, tensor.dtype(), tensor.shape())));
        try (var writer = SafetensorsWriter.createWithChecksums(file, specs, metadata)) {
            tensors.forEach((name, tensor) -> HostCopy.with(tensor, tensor.dtype(), bytes -> writer.write(name, bytes)));
            writer.finish();
        }
    }

    /** Sets the tensors to those of a saved state. */
    static Place restore(Path file, TrainedTensors trained, Map<String, String> settings) {
        try (var saved = SafetensorsFile.open(file)) {
            var state = new TrainingState(file, saved.metadata());
            state.requireSame(settings);
            Place place = state.place();
            Map<String, Tensor> tensors = tensors(trained);
            // Before anything is overwritten.
            tensors.forEach((name, tensor) -> check(saved, name, tensor));
            for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
                try (var _ = Scope.open(device(trained))) {
                    TensorEntry entry = saved.entry(tensor.getKey());
                    tensor.getValue().assign(Tensor.from(saved.data(tensor.getKey()), entry.dtype(), entry.shape()));
                }
            }
            return place;
        }
    }

    private static Device device(TrainedTensors trained) {
        return trained.values().firstEntry().getValue().device();
    }

    /**
     * The backend that computed it, on which its bits depend.
     *
     * @return as {@link kept.backend.Backend#arithmetic} says
     */
    public String arithmetic() {
        return metadata.getOrDefault(ARITHMETIC, "unknown");
    }

    /**
     * The step of the best result on held-out text so far.
     *
     * @return its number; 0 where the start is the best, or nothing was evaluated
     */
    public long bestStep() {
        HeldOutCurve curve = heldOut();
        return curve.results().isEmpty() ? 0 : curve.best().step();
    }

    /**
     * Checks that a run is resumed with the settings of its start. A run that met NaN or infinity may resume with another learning rate, other
     * settings of the optimizer and another limit of gradients; one that says for how many steps its text was read ({@link #TEXT_STEPS}), with more
     * steps.
     *
     * @param settings the settings of the resumed run, by name; those that are not known yet may be missing
     * @return what has been changed, in words; empty if nothing
     * @throws TrainingException naming what differs
     */
    public String requireSame(Map<String, String> settings) {
        Map<String, String> before = before(settings);
        Map<String, String> now = now(settings, before);
        List<String> names = new ArrayList<>(SettingDifferences.names(before, now));
        List<String> changed = names.stream().filter(name -> metadata.containsKey(NOT_FINITE) && isChangeable(name)).toList();
        names.removeAll(changed);
        if (isRaised(before, now)) {
            names.removeIf(name -> OF_STEPS.contains(name) || name.equals(EVALUATIONS) && patience(before).equals(patience(now)));
        }
        if (names.contains(STEPS)) {
            // It follows from them.
            names.remove(TEXT_STEPS);
        }
        if (!names.isEmpty()) {
            String kind = names.stream().allMatch(RunInputs::isInput) ? "content" : "settings";
            throw new TrainingException("[resume] %s was saved by a run with other %s: %s; %s".formatted(file, kind,
                    SettingDifferences.inWords(names, before, now), "use the settings it was started with, or start over with --overwrite"));
        }
        return SettingDifferences.inWords(changed, before, now);
    }

    /**
     * How the run was resumed so far in another way than its last command says, so that this command alone gives another result.
     *
     * @param settings the settings of the resumed run, which {@link #requireSame} accepts
     * @param arithmetic the backend of the resumed run, as {@link #arithmetic} says it
     * @return a line for each such resumption, this one included; empty if there is none
     */
    public String resumptions(Map<String, String> settings, String arithmetic) {
        Map<String, String> before = before(settings);
        Map<String, String> now = now(settings, before);
        String differences = Stream.of(
                metadata.containsKey(NOT_FINITE) ? "the best or last state before NaN or infinity, on the text that comes next" : "",
                SettingDifferences.inWords(SettingDifferences.names(before, now), before, now),
                arithmetic().equals(arithmetic) ? "" : "computed on %s, no longer on %s".formatted(arithmetic, arithmetic()))
                .filter(part -> !part.isEmpty()).collect(Collectors.joining("; "));
        String line = differences.isEmpty() ? "" : "after step %d: %s".formatted(number(STEP), differences);
        return Stream.of(savedSettings().getOrDefault(RESUMPTIONS, ""), line).filter(part -> !part.isEmpty()).collect(Collectors.joining("\n"));
    }

    /** The saved settings with which those of a resumed run are compared. */
    private Map<String, String> before(Map<String, String> settings) {
        Map<String, String> before = new HashMap<>();
        savedSettings().forEach((name, value) -> {
            // A resumed run may leave out the evaluation on a text; if it has one, the text must be the same.
            if (settings.containsKey(name) || !RunInputs.isOptional(name) && !RunInputs.isLate(name)) {
                before.put(name, value);
            }
        });
        if (settings.containsKey(GradientReduction.SETTING)) {
            before.putIfAbsent(GradientReduction.SETTING, GradientReduction.SERIAL.toString());
        }
        if (settings.containsKey(TEXT_STEPS) && before.containsKey(STEPS)) {
            before.putIfAbsent(TEXT_STEPS, before.get(STEPS));
        }
        before.remove(RESUMPTIONS);
        return before;
    }

    private static Map<String, String> now(Map<String, String> settings, Map<String, String> before) {
        Map<String, String> now = new HashMap<>(settings);
        now.keySet().removeIf(name -> RunInputs.isOptional(name) && !before.containsKey(name));
        now.remove(RESUMPTIONS);
        return now;
    }

    private static boolean isRaised(Map<String, String> before, Map<String, String> now) {
        return now.containsKey(TEXT_STEPS) && before.getOrDefault(STEPS, "").matches("\\d{1,18}")
                && Long.parseLong(before.get(STEPS)) < Long.parseLong(now.get(STEPS));
    }

    private static String patience(Map<String, String> settings) {
        return settings.getOrDefault(EVALUATIONS, "").replaceFirst("every \\d+ steps", "");
    }

    /** Whether a run that met NaN or infinity may resume with another value of a setting, or of a part of one. */
    private static boolean isChangeable(String name) {
        return CHANGEABLE.contains(name.replaceFirst(", .*", ""));
    }

    /**
     * The settings with which it was saved.
     *
     * @return by their names
     * @throws FileException if they cannot be read
     */
    public Map<String, String> savedSettings() {
        Map<String, String> saved = new LinkedHashMap<>();
        if (metadata.containsKey(SETTINGS)) {
            try {
                Json.parse(metadata.get(SETTINGS)).properties().forEach(setting -> saved.put(setting.getKey(), setting.getValue().asText()));
            } catch (JsonException e) {
                throw new FileException(
                        "training state", file, "its settings are not JSON: %s; it is not a training state".formatted(e.getMessage()), e);
            }
        } else {
            metadata.forEach((key, value) -> {
                if (key.startsWith(FORMER_SETTING)) {
                    saved.put(key.substring(FORMER_SETTING.length()), value);
                }
            });
        }
        return saved;
    }

    private Place place() {
        return new Place(number(STEP), number(POSITION), heldOut(), SavedMetrics.decode(file, metadata.getOrDefault(METRICS, "")),
                metadata.get(NOT_FINITE));
    }

    private static Map<String, Tensor> tensors(TrainedTensors trained) {
        Map<String, Tensor> tensors = new LinkedHashMap<>(trained.values());
        trained.moments().forEach((name, moments) -> {
            tensors.put(FIRST_MOMENT + name, moments.first());
            tensors.put(SECOND_MOMENT + name, moments.second());
        });
        return tensors;
    }

    private static void check(SafetensorsFile saved, String name, Tensor like) {
        TensorEntry entry = saved.entry(name);
        if (!entry.shape().equals(like.shape()) || entry.dtype() != like.dtype()) {
            throw new FileException("training state", saved.path(), name, entry.offset(), "is %s %s, but the model has %s %s"
                    .formatted(entry.dtype().label(), entry.shape(), like.dtype().label(), like.shape()));
        }
    }

    private long number(String key) {
        try {
            return Long.parseLong(metadata.getOrDefault(key, ""));
        } catch (NumberFormatException e) {
            throw new FileException("training state", file, "its metadata has no number '%s'; it is not a training state".formatted(key));
        }
    }

    private HeldOutCurve heldOut() {
        List<HeldOutResult> results = new ArrayList<>();
        try {
            metadata.forEach((key, value) -> {
                if (key.startsWith(HELD_OUT)) {
                    String[] numbers = value.split(" ");
                    results.add(new HeldOutResult(Long.parseLong(key.substring(HELD_OUT.length())), Long.parseLong(numbers[0]),
                            Double.parseDouble(numbers[1]), Double.parseDouble(numbers[2])));
                }
            });
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new FileException("training state", file, "its results on held-out text are not numbers; it is not a training state");
        }
        results.sort(Comparator.comparingLong(HeldOutResult::step));
        return new HeldOutCurve(results);
    }
}
