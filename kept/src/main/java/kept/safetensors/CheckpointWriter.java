package kept.safetensors;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;
import kept.io.FileException;
import kept.io.OutputDirectory;
import kept.weights.FiniteValues;
import kept.weights.ShardIndex;
import kept.weights.ShardPlan;
import kept.weights.StoredType;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import kept.weights.WeightWriter;

/**
 * Writes the weights of a checkpoint tensor by tensor: {@code model.safetensors} if one file suffices, else shards
 * {@code model-00001-of-0000N.safetensors} and an index.
 *
 * <p>Tensors fill the shards in their declared order; a shard ends before the tensor that would exceed the limit, and a tensor above the limit gets
 * its own shard. Tensors may be written in any order; a shard is finished with its last tensor, so writing in declared order keeps one shard open at
 * a time. Use an {@link OutputDirectory} to make the whole directory appear at once.
 */
public final class CheckpointWriter implements WeightWriter {
    /** The default shard limit in bytes: 5 GB. */
    public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

    private final Path directory;
    private final List<List<TensorSpec>> shards;
    private final Map<String, Integer> shardOf = new LinkedHashMap<>();
    private final Map<Integer, SafetensorsWriter> open = new HashMap<>();
    private final Set<String> written = new HashSet<>();
    private final Set<String> found = new HashSet<>();

    private CheckpointWriter(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        this.directory = directory;
        this.shards = ShardPlan.of(directory, tensors, maxShardSize);
        for (int shard = 0; shard < shards.size(); shard++) {
            for (TensorSpec tensor : shards.get(shard)) {
                shardOf.put(tensor.name(), shard);
            }
        }
    }

    /**
     * Plans the shards; the first file is created with the first tensor.
     *
     * @param directory the directory, which exists
     * @param tensors all tensors of the checkpoint
     * @param maxShardSize the limit in bytes of tensor data per shard, at least 1; see {@link #DEFAULT_SHARD_BYTES}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws FileException if there are no tensors or two have the same name
     */
    public static CheckpointWriter create(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        return new CheckpointWriter(directory, tensors, maxShardSize);
    }

    /**
     * Plans the shards and treats those already finished in the directory, by an earlier writer of the same tensors and limit, as written. A shard
     * has its final name only once it is complete and synced to disk; a shard with another header or size than planned is written again.
     *
     * @param directory the directory, which exists
     * @param tensors all tensors of the checkpoint
     * @param maxShardSize the limit in bytes of tensor data per shard
     * @return the writer; the caller writes each tensor that is not {@linkplain #isFound found}, finishes and closes it
     * @throws FileException as {@link #create} does, or if an existing shard cannot be read
     */
    public static CheckpointWriter resume(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        var writer = new CheckpointWriter(directory, tensors, maxShardSize);
        for (int shard = 0; shard < writer.shards.size(); shard++) {
            if (writer.layout(shard).isThatOf(writer.file(shard))) {
                writer.shards.get(shard).forEach(tensor -> writer.found.add(tensor.name()));
            }
        }
        writer.written.addAll(writer.found);
        return writer;
    }

    /**
     * The number of files with weights.
     *
     * @return 1 or more
     */
    public int shards() {
        return shards.size();
    }

    /**
     * The file of a tensor.
     *
     * @param name a declared tensor's
     * @return the index of its shard, from 0
     */
    public int shardOf(String name) {
        return shardOf.get(name);
    }

    /**
     * Whether a tensor is in a shard that was already finished.
     *
     * @param name its name
     * @return true if it need not be written
     */
    public boolean isFound(String name) {
        return found.contains(name);
    }

    /**
     * Returns the entry of a tensor in a shard that was already finished.
     *
     * @param name its name
     * @return its location in that shard
     */
    public TensorEntry foundEntry(String name) {
        int shard = shardOf.get(name);
        TensorSpec spec = shards.get(shard).stream().filter(tensor -> tensor.name().equals(name)).findFirst().orElseThrow();
        return new TensorEntry(file(shard), name, StoredType.of(spec.dtype()), spec.shape(), layout(shard).offset(name), spec.byteSize());
    }

    /**
     * The size of the files still to be written, before any tensor is written.
     *
     * @return their size in bytes, including headers but not the index
     */
    public long missingBytes() {
        long bytes = 0;
        for (int shard = 0; shard < shards.size(); shard++) {
            if (!written.contains(shards.get(shard).getFirst().name())) {
                bytes += layout(shard).fileSize();
            }
        }
        return bytes;
    }

    private SafetensorsLayout layout(int shard) {
        return SafetensorsLayout.of(file(shard), shards.get(shard), Map.of());
    }

    @Override
    public void write(String name, MemorySegment data) {
        SafetensorsWriter writer = writer(name);
        writer.write(name, data);
        finish(writer, name);
    }

    /**
     * Copies the values of one tensor from another file.
     *
     * @param name its name as declared
     * @param source the tensor in the other file
     * @param values checks that the copied values are finite
     * @param progress receives the number of bytes of each piece copied
     * @throws FileException if it was not declared or is already written, the size is not the declared one, a value is not finite, the source
     *     cannot be read, or writing fails
     */
    public void copy(String name, TensorEntry source, FiniteValues values, LongConsumer progress) {
        SafetensorsWriter writer = writer(name);
        writer.copy(name, source, values, progress);
        finish(writer, name);
    }

    private SafetensorsWriter writer(String name) {
        Integer shard = shardOf.get(name);
        if (shard == null || written.contains(name)) {
            throw new FileException("checkpoint", directory, name, -1,
                shard == null ? "was not declared for this checkpoint" : "is written already");
        }
        return open.computeIfAbsent(shard, s -> SafetensorsWriter.create(file(s), shards.get(s)));
    }

    private void finish(SafetensorsWriter writer, String name) {
        written.add(name);
        if (writer.isComplete()) {
            writer.finish();
            open.remove(shardOf.get(name));
        }
    }

    @Override
    public void finish() {
        for (String name : shardOf.keySet()) {
            if (!written.contains(name)) {
                throw new FileException("checkpoint", directory, name, -1, "was declared but not written");
            }
        }
        if (shards.size() > 1) {
            var index = new LinkedHashMap<String, String>();
            shardOf.forEach((name, shard) -> index.put(name, fileName(shard)));
            ShardIndex.write(directory, index, shards.stream().flatMap(List::stream).mapToLong(TensorSpec::byteSize).sum());
        }
    }

    /** Deletes the temporary files of unfinished shards. */
    @Override
    public void close() {
        open.values().forEach(SafetensorsWriter::close);
        open.clear();
    }

    private Path file(int shard) {
        return directory.resolve(fileName(shard));
    }

    private String fileName(int shard) {
        return shards.size() == 1 ? SafetensorsFile.SINGLE : "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards.size());
    }
}
