package kept.mapping;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.model.CheckpointWeights;
import kept.model.HostCopy;
import kept.model.Weights;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.weights.Overflow;
import kept.weights.TensorComparison;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;

/** Streams a checkpoint through a mapping into new shards: one tensor in memory at a time, and none where the bytes can be copied as they are. */
public final class Conversion {
    /** Elements from which on a tensor leaves much memory behind. */
    private static final long LARGE = 1 << 26;

    private final Mapping mapping;
    private final Checkpoint source;
    private final Weights measured;
    private final DType dtype;
    private final long maxShardSize;
    private final List<TensorSpec> specs;

    /**
     * Plans a conversion.
     *
     * @param mapping the table
     * @param source the source's weights; stay open
     * @param dtype the target's dtype; null takes that of each tensor's first source
     * @param maxShardSize bytes of tensors in one file, at most
     */
    public Conversion(Mapping mapping, Checkpoint source, DType dtype, long maxShardSize) {
        this(mapping, source, null, dtype, maxShardSize);
    }

    /**
     * Plans a conversion by a mapping that was measured.
     *
     * @param mapping the table
     * @param source the source's weights; stay open
     * @param measured the mapping's measured tensors; null where it has none
     * @param dtype the target's dtype; null takes that of each tensor's first source
     * @param maxShardSize bytes of tensors in one file, at most
     */
    public Conversion(Mapping mapping, Checkpoint source, Weights measured, DType dtype, long maxShardSize) {
        this.mapping = mapping;
        this.source = source;
        this.measured = measured;
        this.dtype = dtype;
        this.maxShardSize = maxShardSize;
        this.specs = mapping.rows().stream()
                .map(row -> new TensorSpec(row.target(), storedType(row), row.shape()))
                .toList();
    }

    /**
     * The size of the target.
     *
     * @return bytes of all its tensors
     */
    public long totalBytes() {
        return specs.stream().mapToLong(TensorSpec::byteSize).sum();
    }

    /**
     * What is to be written to a directory that may hold finished files of this very conversion.
     *
     * @param directory an existing directory
     * @return bytes of the files that are not there
     */
    public long missingBytes(Path directory) {
        try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
            return writer.missingBytes();
        }
    }

    /**
     * Writes the weights of the mapping's target, or those files of them that a conversion that ended early has not written. The files are the same
     * either way.
     *
     * @param directory an existing directory; gets one or more safetensors files
     * @param progress receives the bytes of each finished part, including files that existed before
     * @throws FileException if the source holds a NaN or an infinity, naming its tensor; if values are beyond the type they are stored in, with
     *     their number and the first tensor; or if a file cannot be read or written
     */
    public void write(Path directory, LongConsumer progress) {
        mapping.dropped().stream().map(DroppedTensor::source).forEach(source::requireFinite);
        var weights = new MappedWeights(mapping, mapping.sources(new CheckpointWeights(source), measured), dtype);
        var overflow = new Overflow();
        try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
            for (int i = 0; i < specs.size(); i++) {
                TensorMapping row = mapping.rows().get(i);
                TensorSpec spec = specs.get(i);
                if (writer.isFound(row.target())) {
                    progress.accept(spec.byteSize());
                } else if (!isVerbatim(row)) {
                    convert(row, weights, tensor -> HostCopy.with(tensor, tensor.dtype(), bytes -> {
                        overflow.count(spec, bytes);
                        // A file of which a value has overflowed must not be finished; what else overflows is only counted.
                        if (overflow.isNone()) {
                            writer.write(row.target(), bytes);
                        }
                    }));
                    progress.accept(spec.byteSize());
                } else if (overflow.isNone()) {
                    String name = row.sources().getFirst();
                    writer.copy(row.target(), source.entry(name), source.finiteValues(name), progress);
                }
            }
            overflow.requireNone(source.directory());
            writer.finish();
        }
    }

    /**
     * Reads the weights that were written back and compares each tensor, byte by byte, with its source; what was converted is converted once more.
     *
     * @param directory where they were written
     * @param progress receives the bytes of each compared part
     * @throws FileException naming the first tensor that differs, with its file and the place in it
     */
    public void verify(Path directory, LongConsumer progress) {
        try (var written = Checkpoint.open(directory)) {
            compare(_ -> true, written::entry, progress);
        }
    }

    /**
     * Compares the finished part of an interrupted conversion with its source, as {@link #verify} does, before it is resumed.
     *
     * @param directory where it was written
     * @param progress receives the bytes of each compared part
     * @throws FileException naming the first tensor that differs: its file is damaged, or the source is another one
     */
    public void verifyFinished(Path directory, LongConsumer progress) {
        try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
            compare(writer::isFound, writer::foundEntry, progress);
        }
    }

    private void compare(Predicate<String> isWanted, Function<String, TensorEntry> entries, LongConsumer progress) {
        var weights = new MappedWeights(mapping, mapping.sources(new CheckpointWeights(source), measured), dtype);
        var comparison = new TensorComparison();
        for (TensorMapping row : mapping.rows()) {
            if (!isWanted.test(row.target())) {
                continue;
            }
            TensorEntry target = entries.apply(row.target());
            if (isVerbatim(row)) {
                comparison.requireSame(source.entry(row.sources().getFirst()), target, progress);
            } else {
                convert(row, weights, tensor -> HostCopy.with(tensor, tensor.dtype(), bytes -> comparison.requireSame(bytes, target, progress)));
            }
        }
    }

    private DType storedType(TensorMapping row) {
        if (dtype != null) {
            return dtype;
        }
        return row.sources().isEmpty() ? mapping.target().dtype() : source.entry(row.sources().getFirst()).dtype();
    }

    /** Whether the bytes are the source's. */
    private boolean isVerbatim(TensorMapping row) {
        if (!row.transform().isVerbatim()) {
            return false;
        }
        TensorEntry entry = source.entry(row.sources().getFirst());
        return entry.isVerbatim() && entry.dtype() == storedType(row);
    }

    private static void convert(TensorMapping row, MappedWeights weights, Consumer<Tensor> user) {
        Device device;
        try (var _ = Scope.open()) {
            Tensor tensor = weights.get(row.target(), row.shape());
            device = tensor.device();
            user.accept(tensor);
        }
        if (row.shape().elementCount() >= LARGE) {
            // The next tensor is of another size: what is kept of this one's blocks would only be added to its own.
            device.backend().trim();
        }
    }
}
