package kept.weights;

import java.lang.foreign.MemorySegment;
import kept.io.CheckpointException;

/** Writes the weights of a checkpoint directory tensor by tensor, in whatever format. */
public interface WeightWriter extends AutoCloseable {
    /**
     * Writes the values of one tensor.
     *
     * @param name its name as declared
     * @param data its elements, little-endian, row by row
     * @throws CheckpointException if it was not declared or is written already, the size is not the declared one, or the disk refuses it
     */
    void write(String name, MemorySegment data);

    /**
     * Writes the index, if there are several files.
     *
     * @throws CheckpointException if a declared tensor was not written, or the disk refuses
     */
    void finish();

    /** Deletes the temporary files of what is not complete. */
    @Override
    void close();
}
