package kept.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.Tensor;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;

/**
 * Saves and loads named tensors as safetensors files, compatible with {@code safetensors.torch.save_file} and {@code load_file}. For large files, use
 * {@link SafetensorsFile} to read single tensors.
 */
public final class NamedTensors {
    private NamedTensors() {}

    /**
     * Writes tensors to a file atomically, in the map's order.
     *
     * @param file the file; an existing file is replaced
     * @param tensors the tensors by name, with any strides and on any device
     * @throws kept.io.FileException if the file cannot be written
     */
    public static void save(Path file, Map<String, Tensor> tensors) {
        List<TensorSpec> specs = new ArrayList<>();
        tensors.forEach((name, tensor) -> specs.add(new TensorSpec(name, tensor.dtype(), tensor.shape())));
        try (var writer = SafetensorsWriter.create(file, specs)) {
            tensors.forEach((name, tensor) -> HostCopy.with(tensor, tensor.dtype(), bytes -> writer.write(name, bytes)));
            writer.finish();
        }
    }

    /**
     * Reads all tensors of a file into the current scope.
     *
     * @param file the file
     * @return a read-only map by name, in file order
     * @throws kept.io.FileException if it is not a valid safetensors file, or a tensor has a type that is not one of {@link kept.tensor.DType}
     */
    public static SequencedMap<String, Tensor> load(Path file) {
        SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
        try (var saved = SafetensorsFile.open(file)) {
            for (TensorEntry entry : saved.entries()) {
                tensors.put(entry.name(), Tensor.from(saved.data(entry.name()), entry.exactType(), entry.shape()));
            }
        }
        return Collections.unmodifiableSequencedMap(tensors);
    }
}
