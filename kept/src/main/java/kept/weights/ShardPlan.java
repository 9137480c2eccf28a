package kept.weights;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import kept.io.FileException;

/** Distributes the tensors of a checkpoint over files. */
public final class ShardPlan {
    private ShardPlan() { }

    /**
     * Adds each tensor to the current file while it fits, else starts a new one; a tensor above the limit gets a file of its own.
     *
     * @param directory the directory of the files, for messages
     * @param tensors all tensors of the checkpoint
     * @param maxShardSize the limit in bytes of tensor data per file
     * @return the tensors of each file, in their declared order
     * @throws FileException if there are no tensors, two have the same name, or the limit is below 1 byte
     */
    public static List<List<TensorSpec>> of(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        if (tensors.isEmpty()) {
            throw new FileException("checkpoint", directory, "there are no tensors to write");
        }
        if (maxShardSize < 1) {
            throw new FileException("checkpoint", directory, "the largest shard size must be at least 1 byte, not %d".formatted(maxShardSize));
        }
        var names = new HashSet<String>();
        var shards = new ArrayList<List<TensorSpec>>();
        long filled = 0;
        for (TensorSpec tensor : tensors) {
            if (!names.add(tensor.name())) {
                throw new FileException("checkpoint", directory, tensor.name(), -1, "is declared twice");
            }
            if (shards.isEmpty() || filled > 0 && tensor.byteSize() > maxShardSize - filled) {
                shards.add(new ArrayList<>());
                filled = 0;
            }
            shards.getLast().add(tensor);
            filled += tensor.byteSize();
        }
        return shards;
    }
}
