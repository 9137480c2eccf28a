package kept.weights;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import kept.io.CheckpointException;

/** A memory-mapped file of named tensors, whatever its format. */
public interface WeightFile extends AutoCloseable {
    /**
     * The file.
     *
     * @return the path it was opened with
     */
    Path path();

    /**
     * The tensors.
     *
     * @return their entries in the order of their data, unmodifiable
     */
    List<TensorEntry> entries();

    /**
     * Whether there is a tensor of a name.
     *
     * @param name the name
     * @return true if so
     */
    boolean contains(String name);

    /**
     * What the file says of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws CheckpointException if there is no such tensor
     */
    TensorEntry entry(String name);

    /**
     * The bytes of one tensor: little-endian elements, row by row, not necessarily aligned.
     *
     * @param name its name
     * @return a read-only view of the mapped file, valid until {@link #close()}
     * @throws CheckpointException if there is no such tensor
     * @throws IllegalStateException if the file is closed
     */
    MemorySegment data(String name);

    /** Unmaps the file; its segments cannot be read any more. */
    @Override
    void close();
}
