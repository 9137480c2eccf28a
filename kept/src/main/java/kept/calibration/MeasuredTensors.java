package kept.calibration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.io.JsonObject;
import kept.io.SettingDifferences;
import kept.model.HostCopy;
import kept.model.Weights;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.weights.TensorSpec;

/**
 * A directory of calibration results, one file per tensor, each written atomically: a killed calibration resumes after the last one.
 */
public final class MeasuredTensors implements Weights {
    private static final String SETTINGS = "calibration.json";
    private static final String ENDING = ".safetensors";

    /** Null for tensors in memory. */
    private final Path directory;
    private final Map<String, Held> held = new HashMap<>();

    /** A tensor in memory. */
    private record Held(float[] values, Map<String, String> metadata) {}

    private MeasuredTensors(Path directory) {
        this.directory = directory;
    }

    /**
     * Tensors in memory, for a rank that shares a calibration whose results another one stores. Those that are not needed any more are forgotten.
     *
     * @return none so far
     */
    public static MeasuredTensors inMemory() {
        return new MeasuredTensors(null);
    }

    /**
     * Opens or creates a directory.
     *
     * @param directory the place
     * @param settings the settings that determine the results; those of an existing directory must be equal
     * @return its contents
     * @throws CalibrationException if the directory belongs to another calibration or cannot be created
     */
    public static MeasuredTensors open(Path directory, Map<String, String> settings) {
        Path file = directory.resolve(SETTINGS);
        try {
            if (!Files.exists(file)) {
                Files.createDirectories(directory);
                AtomicFiles.writeJson(file, settings);
            }
        } catch (IOException e) {
            throw new CalibrationException("[calibration] %s cannot be made: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
        JsonObject journal = JsonObject.read("calibration", file);
        var before = new TreeMap<String, String>();
        journal.keys().forEach(name -> before.put(name, journal.string(name)));
        List<String> names = SettingDifferences.names(before, settings);
        if (!names.isEmpty()) {
            throw new CalibrationException("[calibration] %s was started with other settings: %s; remove it, or start over with --overwrite"
                    .formatted(directory, SettingDifferences.inWords(names, before, settings)));
        }
        var measured = new MeasuredTensors(directory);
        measured.requireIntact();
        return measured;
    }

    /** Verifies the checksum of every file before a run resumes. */
    private void requireIntact() {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(file -> file.getFileName().toString().endsWith(ENDING)).sorted().toList()) {
                try (var tensor = SafetensorsFile.open(file)) {
                    tensor.requireIntact();
                } catch (FileException e) {
                    throw new CalibrationException("%s; remove this file, and --resume measures it again".formatted(e.getMessage()), e);
                }
            }
        } catch (IOException e) {
            throw new CalibrationException("[calibration] %s cannot be read: %s".formatted(directory, AtomicFiles.reason(e)), e);
        }
    }

    /**
     * The directory of the files.
     *
     * @return the directory; null for tensors in memory
     */
    public Path directory() {
        return directory;
    }

    /**
     * Whether a tensor has been measured.
     *
     * @param name its name
     * @return true if it is saved
     */
    public boolean contains(String name) {
        return directory == null ? held.containsKey(name) : Files.exists(file(name));
    }

    /** Forgets a tensor in memory, which is not needed any more. */
    void forget(String name) {
        held.remove(name);
    }

    /**
     * Metadata stored with a tensor.
     *
     * @param name its name
     * @param key the key of the metadata
     * @return the value, if the file has the key
     */
    public Optional<String> metadata(String name, String key) {
        if (directory == null) {
            return Optional.ofNullable(held.get(name).metadata.get(key));
        }
        try (var file = SafetensorsFile.open(file(name))) {
            return Optional.ofNullable(file.metadata().get(key));
        }
    }

    @Override
    public Tensor get(String name, Shape shape) {
        if (!contains(name)) {
            throw new CalibrationException("[calibration] %s has no '%s': it was not finished; run it again".formatted(directory, name));
        }
        if (directory == null) {
            return Tensor.of(held.get(name).values, shape.toArray());
        }
        try (var file = SafetensorsFile.open(file(name))) {
            if (!file.contains(name) || !file.entry(name).shape().equals(shape)) {
                throw new CalibrationException("[calibration] %s does not hold '%s' %s; remove it and calibrate again"
                        .formatted(file(name), name, shape));
            }
            return Tensor.from(file.data(name), DType.F32, shape);
        }
    }

    /** Writes a tensor atomically. */
    void put(String name, Shape shape, float[] values, Map<String, String> metadata) {
        if (directory == null) {
            held.put(name, new Held(values.clone(), metadata));
            return;
        }
        try (var _ = Scope.open();
                var writer = SafetensorsWriter.createWithChecksums(file(name), List.of(new TensorSpec(name, DType.F32, shape)), metadata)) {
            HostCopy.with(Tensor.of(values, shape.toArray()), DType.F32, bytes -> writer.write(name, bytes));
            writer.finish();
        }
    }

    private Path file(String name) {
        return directory.resolve(name + ENDING);
    }
}
