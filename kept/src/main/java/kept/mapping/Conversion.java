package kept.mapping;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import kept.checkpoint.Checkpoint;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
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
    /** The number of elements from which a tensor leaves much free memory behind. */
    private static final long LARGE = 1 << 26;

    private final Mapping mapping;
    private final Checkpoint source;
    private final Weights measured;
    private final DType dtype;
    private final long maxShardSize;
    private final List<TensorSpec> specs;
    private final Communicator ranks;

    /**
     * Plans a conversion.
     *
     * @param mapping the table
     * @param source the source's weights, which must stay open
     * @param dtype the target's dtype; null takes that of each tensor's first source
     * @param maxShardSize the maximum number of bytes of tensors in a file
     */
    public Conversion(Mapping mapping, Checkpoint source, DType dtype, long maxShardSize) {
        this(mapping, source, null, dtype, maxShardSize);
    }

    /**
     * Plans a conversion by a mapping with measured tensors.
     *
     * @param mapping the table
     * @param source the source's weights, which must stay open
     * @param measured the mapping's measured tensors; null where it has none
     * @param dtype the target's dtype; null takes that of each tensor's first source
     * @param maxShardSize the maximum number of bytes of tensors in a file
     */
    public Conversion(Mapping mapping, Checkpoint source, Weights measured, DType dtype, long maxShardSize) {
        this(mapping, source, measured, dtype, maxShardSize, Communicator.single());
    }

    /**
     * Plans a conversion that ranks share: each of them writes some of the files, of which no two ranks write the same.
     *
     * @param mapping the table
     * @param source the source's weights, which must stay open
     * @param measured the mapping's measured tensors; null where it has none
     * @param dtype the target's dtype; null takes that of each tensor's first source
     * @param maxShardSize the maximum number of bytes of tensors in a file
     * @param ranks those that make the same calls
     */
    public Conversion(Mapping mapping, Checkpoint source, Weights measured, DType dtype, long maxShardSize, Communicator ranks) {
        this.ranks = ranks;
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
     * The part of the target that this rank writes.
     *
     * @param directory where it is written
     * @return bytes of its tensors
     */
    public long ownBytes(Path directory) {
        Predicate<String> isOwn = own(directory);
        return specs.stream().filter(spec -> isOwn.test(spec.name())).mapToLong(TensorSpec::byteSize).sum();
    }

    /** Whether this rank writes a tensor: ranks divide the files. */
    private Predicate<String> own(Path directory) {
        if (ranks.size() == 1) {
            return _ -> true;
        }
        try (var writer = CheckpointWriter.create(directory, specs, maxShardSize)) {
            SharedItems shards = SharedItems.of(writer.shards(), ranks);
            return name -> writer.shardOf(name) >= shards.first() && writer.shardOf(name) < shards.end();
        }
    }

    /**
     * The number of bytes still to be written to a directory, which may contain finished files of this conversion.
     *
     * @param directory an existing directory
     * @return the bytes of the missing files
     */
    public long missingBytes(Path directory) {
        try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
            return writer.missingBytes();
        }
    }

    /**
     * Writes the weights of the mapping's target. In a directory of a conversion that ended early it writes the missing files; the files are the same
     * in both cases. Of several ranks, each writes its files; when this returns in rank 0, all are written.
     *
     * @param directory an existing directory; gets one or more safetensors files
     * @param progress receives the bytes of each finished part, including files that existed before
     * @throws FileException if the source holds a NaN or an infinity, naming its tensor; if values are beyond the type they are stored in, with
     *     their number and the first tensor; or if a file cannot be read or written
     */
    public void write(Path directory, LongConsumer progress) {
        SharedItems dropped = SharedItems.of(mapping.dropped().size(), ranks);
        mapping.dropped().subList(dropped.first(), dropped.end()).stream().map(DroppedTensor::source).forEach(source::requireFinite);
        writeOwn(directory, progress);
        if (ranks.size() > 1) {
            ranks.barrier();
        }
        if (ranks.rank() == 0) {
            try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
                writer.finish();
            }
        }
    }

    private void writeOwn(Path directory, LongConsumer progress) {
        Predicate<String> isOwn = own(directory);
        var weights = new MappedWeights(mapping, mapping.sources(new CheckpointWeights(source), measured), dtype);
        var overflow = new Overflow();
        try (var writer = CheckpointWriter.resume(directory, specs, maxShardSize)) {
            for (int i = 0; i < specs.size(); i++) {
                TensorMapping row = mapping.rows().get(i);
                TensorSpec spec = specs.get(i);
                if (!isOwn.test(row.target())) {
                    continue;
                }
                if (writer.isFound(row.target())) {
                    progress.accept(spec.byteSize());
                } else if (!isVerbatim(row)) {
                    convert(row, weights, tensor -> HostCopy.with(tensor, tensor.dtype(), bytes -> {
                        overflow.count(spec, bytes);
                        // A file with an overflowed value must not be finished; further overflows are only counted.
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
        }
    }

    /**
     * Reads the written weights and compares each tensor, byte by byte, with its source; converted tensors are converted again. Each rank reads the
     * files that it has written.
     *
     * @param directory where they were written
     * @param progress receives the bytes of each compared part
     * @throws FileException naming the first tensor that differs, with its file and the place in it
     */
    public void verify(Path directory, LongConsumer progress) {
        try (var written = Checkpoint.open(directory)) {
            compare(own(directory), written::entry, progress);
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
            // The next tensor has another size, so it could not reuse this one's blocks, and memory would hold both.
            device.backend().trim();
        }
    }
}
