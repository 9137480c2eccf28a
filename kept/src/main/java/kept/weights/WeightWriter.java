package kept.weights;

import java.lang.foreign.MemorySegment;
import kept.io.FileException;

/** Writes the weights of a checkpoint directory tensor by tensor, in any format. */
public interface WeightWriter extends AutoCloseable {
    /**
     * Writes the values of one tensor.
     *
     * @param name its name as declared
     * @param data its elements, little-endian, row by row
     * @throws FileException if it was not declared or is already written, the size is not the declared one, or writing fails
     */
    void write(String name, MemorySegment data);

    /**
     * Writes the index if there are several files.
     *
     * @throws FileException if a declared tensor was not written, or writing fails
     */
    void finish();

    /** Deletes the temporary files of unfinished output. */
    @Override
    void close();
}
