package kept.weights;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import kept.io.FileException;

/** A memory-mapped file of named tensors, in any format. */
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
     * Whether the file has a tensor with this name.
     *
     * @param name the name
     * @return true if so
     */
    boolean contains(String name);

    /**
     * Returns the metadata of one tensor.
     *
     * @param name its name
     * @return its entry
     * @throws FileException if there is no such tensor
     */
    TensorEntry entry(String name);

    /**
     * Finds the metadata of one tensor.
     *
     * @param file the file
     * @param format its format, for messages
     * @param entries its tensors by name
     * @param name the name
     * @return its entry
     * @throws FileException if there is no such tensor
     */
    static TensorEntry entry(Path file, String format, Map<String, TensorEntry> entries, String name) {
        TensorEntry entry = entries.get(name);
        if (entry == null) {
            throw new FileException(format, file, name, -1, "there is no such tensor among the %d of this file".formatted(entries.size()));
        }
        return entry;
    }

    /**
     * Returns the stored bytes of one tensor: little-endian elements, not necessarily aligned.
     *
     * @param name its name
     * @return a read-only view of the mapped file, valid until {@link #close()}
     * @throws FileException if there is no such tensor
     * @throws IllegalStateException if the file is closed
     */
    MemorySegment data(String name);

    /** Unmaps the file. Its segments can no longer be read. */
    @Override
    void close();
}
