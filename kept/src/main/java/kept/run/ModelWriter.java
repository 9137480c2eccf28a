package kept.run;

import java.nio.file.Path;
import java.util.List;
import kept.model.Decoder;
import kept.model.HostCopy;
import kept.tensor.DType;
import kept.weights.TensorSpec;

/** Writes a model's parameters. */
public final class ModelWriter {
    private ModelWriter() {}

    /**
     * Writes weights as safetensors, one tensor in host memory at a time.
     *
     * @param model the model
     * @param dtype the type of the stored tensors
     * @param directory an existing directory
     * @param maxShardSize the maximum number of bytes of tensors in a file
     */
    public static void write(Decoder model, DType dtype, Path directory, long maxShardSize) {
        write(model, dtype, directory, WeightFormat.SAFETENSORS, maxShardSize);
    }

    /**
     * Writes weights in a chosen format, one tensor in host memory at a time.
     *
     * @param model the model
     * @param dtype the type of the stored tensors
     * @param directory an existing directory
     * @param format of the files
     * @param maxShardSize the maximum number of bytes of tensors in a file
     */
    public static void write(Decoder model, DType dtype, Path directory, WeightFormat format, long maxShardSize) {
        List<TensorSpec> specs = model.parameters().entrySet().stream()
                .map(entry -> new TensorSpec(entry.getKey(), dtype, entry.getValue().value().shape()))
                .toList();
        try (var writer = format.create(directory, specs, maxShardSize)) {
            for (TensorSpec spec : specs) {
                HostCopy.with(model.parameters().get(spec.name()).value(), dtype, bytes -> writer.write(spec.name(), bytes));
            }
            writer.finish();
        }
    }
}
