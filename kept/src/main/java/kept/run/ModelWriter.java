package kept.run;

import java.nio.file.Path;
import java.util.List;
import java.util.SequencedMap;
import kept.model.AdapterName;
import kept.model.Decoder;
import kept.model.HostCopy;
import kept.nn.Linear;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.TensorSpec;

/**
 * Writes a model's parameters. A checkpoint has no adapters: where the model has some, they are merged into the weights in F32 before these are
 * rounded to the stored type.
 */
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
        write(model, true, dtype, directory, format, maxShardSize);
    }

    /**
     * Writes weights as safetensors as they are beside their adapters, which are not written.
     *
     * @param model the model
     * @param dtype the type of the stored tensors
     * @param directory an existing directory
     * @param maxShardSize the maximum number of bytes of tensors in a file
     */
    static void writeBase(Decoder model, DType dtype, Path directory, long maxShardSize) {
        write(model, false, dtype, directory, WeightFormat.SAFETENSORS, maxShardSize);
    }

    private static void write(Decoder model, boolean isMerging, DType dtype, Path directory, WeightFormat format, long maxShardSize) {
        SequencedMap<String, Linear> projections = model.projections();
        List<TensorSpec> specs = model.parameters().entrySet().stream().filter(entry -> !AdapterName.isOne(entry.getKey()))
                .map(entry -> new TensorSpec(entry.getKey(), dtype, entry.getValue().value().shape()))
                .toList();
        try (var writer = format.create(directory, specs, maxShardSize)) {
            for (TensorSpec spec : specs) {
                String name = spec.name();
                try (var _ = Scope.open(model.device())) {
                    Linear projection = isMerging ? projections.get(name) : null;
                    Tensor value = projection == null || projection.update().isEmpty() ? model.parameters().get(name).value()
                            : projection.mergedWeight(dtype);
                    HostCopy.with(value, dtype, bytes -> writer.write(name, bytes));
                }
            }
            writer.finish();
        }
    }
}
