package kept.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes the weights of a checkpoint tensor by tensor: {@code model.safetensors} if one file suffices, else shards
 * {@code model-00001-of-0000N.safetensors} and their index.
 *
 * <p>The tensors fill the shards in their declared order, and a shard closes before the tensor that would take it over the limit; a tensor above the
 * limit gets a shard of its own. They may be written in any order; a shard is finished with its last tensor, so that in the declared order one is
 * open at a time. The directory is best one that appears whole, an {@link OutputDirectory}.
 */
public final class CheckpointWriter implements AutoCloseable {
    /** The usual largest size of a shard in bytes: 5 GB. */
    public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

    private final Path directory;
    private final List<List<TensorSpec>> shards;
    private final Map<String, Integer> shardOf = new LinkedHashMap<>();
    private final Map<Integer, SafetensorsWriter> open = new HashMap<>();
    private final Set<String> written = new HashSet<>();

    private CheckpointWriter(Path directory, List<TensorSpec> tensors, long largestShard) {
        this.directory = directory;
        this.shards = split(tensors, largestShard);
        for (int shard = 0; shard < shards.size(); shard++) {
            for (TensorSpec tensor : shards.get(shard)) {
                if (shardOf.put(tensor.name(), shard) != null) {
                    throw new CheckpointException("checkpoint", directory, tensor.name(), -1, "is declared twice");
                }
            }
        }
    }

    /**
     * Plans the shards; the first file is made with the first tensor.
     *
     * @param directory the directory, which exists
     * @param tensors all tensors of the checkpoint
     * @param largestShard the limit in bytes of tensor data to a shard, at least 1; see {@link #DEFAULT_SHARD_BYTES}
     * @return the writer; the caller writes each tensor, finishes and closes it
     * @throws CheckpointException if there are no tensors or two of a name
     */
    public static CheckpointWriter create(Path directory, List<TensorSpec> tensors, long largestShard) {
        if (tensors.isEmpty()) {
            throw new CheckpointException("checkpoint", directory, "there are no tensors to write");
        }
        if (largestShard < 1) {
            throw new CheckpointException("checkpoint", directory, "the largest shard size must be at least 1 byte, not %d".formatted(largestShard));
        }
        return new CheckpointWriter(directory, tensors, largestShard);
    }

    /**
     * Writes the values of one tensor.
     *
     * @param name its name as declared
     * @param data its elements, little-endian, row by row
     * @throws CheckpointException if it was not declared or is written already, the size is not the declared one, or the disk refuses it
     */
    public void write(String name, MemorySegment data) {
        Integer shard = shardOf.get(name);
        if (shard == null || written.contains(name)) {
            throw new CheckpointException("checkpoint", directory, name, -1,
                shard == null ? "was not declared for this checkpoint" : "is written already");
        }
        SafetensorsWriter writer = open.computeIfAbsent(shard, s -> SafetensorsWriter.create(directory.resolve(fileName(s)), shards.get(s)));
        writer.write(name, data);
        written.add(name);
        if (writer.isComplete()) {
            writer.finish();
            open.remove(shard);
        }
    }

    /**
     * Writes the index, if there are several shards.
     *
     * @throws CheckpointException if a declared tensor was not written, or the disk refuses
     */
    public void finish() {
        for (String name : shardOf.keySet()) {
            if (!written.contains(name)) {
                throw new CheckpointException("checkpoint", directory, name, -1, "was declared but not written");
            }
        }
        if (shards.size() > 1) {
            var index = new LinkedHashMap<String, String>();
            shardOf.forEach((name, shard) -> index.put(name, fileName(shard)));
            ShardIndex.write(directory, index, shards.stream().flatMap(List::stream).mapToLong(TensorSpec::byteSize).sum());
        }
    }

    /** Deletes the temporary files of shards that are not complete. */
    @Override
    public void close() {
        open.values().forEach(SafetensorsWriter::close);
        open.clear();
    }

    private String fileName(int shard) {
        return shards.size() == 1 ? Checkpoint.SINGLE_FILE : "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards.size());
    }

    private static List<List<TensorSpec>> split(List<TensorSpec> tensors, long largestShard) {
        var shards = new ArrayList<List<TensorSpec>>();
        long filled = 0;
        for (TensorSpec tensor : tensors) {
            if (shards.isEmpty() || filled > 0 && tensor.byteSize() > largestShard - filled) {
                shards.add(new ArrayList<>());
                filled = 0;
            }
            shards.getLast().add(tensor);
            filled += tensor.byteSize();
        }
        return shards;
    }
}
