package kept.mapping;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import kept.checkpoint.Checkpoint;
import kept.checkpoint.CheckpointWriter;
import kept.checkpoint.TensorEntry;
import kept.checkpoint.TensorSpec;
import kept.model.CheckpointWeights;
import kept.model.HostCopy;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Streams a checkpoint through a mapping into new shards: one tensor in memory at a time, and none where the bytes can be copied as they are. */
public final class Conversion {
    private Conversion() {}

    /**
     * Writes the weights of a mapping's target.
     *
     * @param mapping the table
     * @param source the source's weights
     * @param directory an existing directory; gets one or more safetensors files
     * @param dtype the target's dtype; null keeps each tensor's own
     * @param largestShard bytes of tensors in one file, at most
     * @param progress is told each target tensor when it is written
     */
    public static void write(
            Mapping mapping, Checkpoint source, Path directory, DType dtype, long largestShard, Consumer<TensorMapping> progress) {
        List<TensorSpec> specs = mapping.rows().stream()
                .map(row -> new TensorSpec(row.target(), dtype != null ? dtype : source.entry(row.sources().getFirst()).dtype(), row.shape()))
                .toList();
        var weights = new MappedWeights(mapping, new CheckpointWeights(source, dtype));
        try (var writer = CheckpointWriter.create(directory, specs, largestShard)) {
            for (TensorMapping row : mapping.rows()) {
                TensorEntry entry = source.entry(row.sources().getFirst());
                boolean verbatim = entry.shape().equals(row.shape()) && (dtype == null || dtype == entry.dtype());
                if (verbatim) {
                    writer.write(row.target(), source.data(entry.name()));
                } else {
                    writeConverted(writer, row, weights);
                }
                progress.accept(row);
            }
            writer.finish();
        }
    }

    private static void writeConverted(CheckpointWriter writer, TensorMapping row, MappedWeights weights) {
        try (var _ = Scope.open()) {
            Tensor tensor = weights.get(row.target(), row.shape());
            HostCopy.with(tensor, tensor.dtype(), bytes -> writer.write(row.target(), bytes));
        }
    }
}
