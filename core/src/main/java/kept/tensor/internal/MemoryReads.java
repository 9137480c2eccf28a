package kept.tensor.internal;

import java.util.IdentityHashMap;
import java.util.Map;
import kept.tensor.Tensor;

/**
 * Which memory the operations of this thread read while this is open, of what was there before: so that it can be told later whether running them
 * again would give the same. Notes of pieces of work may lie inside each other.
 */
public final class MemoryReads implements AutoCloseable {
    private static final ThreadLocal<MemoryReads> CURRENT = new ThreadLocal<>();

    private final MemoryReads enclosing = CURRENT.get();
    /** What was read first, with how it was then; and, as null, what was written first. */
    private final Map<Object, Reading> readings = new IdentityHashMap<>();

    private record Reading(Tensor tensor, int version) {}

    private MemoryReads() {}

    /**
     * Begins to take note, on this thread.
     *
     * @return the notes, to be closed after the work
     */
    public static MemoryReads open() {
        var reads = new MemoryReads();
        CURRENT.set(reads);
        return reads;
    }

    /**
     * Takes note of memory that an operation is about to read.
     *
     * @param memory what the views of the tensor share
     * @param tensor the operand
     */
    public static void read(Object memory, Tensor tensor) {
        for (MemoryReads reads = CURRENT.get(); reads != null; reads = reads.enclosing) {
            if (!reads.readings.containsKey(memory)) {
                reads.readings.put(memory, new Reading(tensor.detach(), TensorInternals.version(tensor)));
            }
        }
    }

    /**
     * Takes note of memory that an operation is about to write.
     *
     * @param memory what the views of the result share
     */
    public static void wrote(Object memory) {
        for (MemoryReads reads = CURRENT.get(); reads != null; reads = reads.enclosing) {
            reads.readings.putIfAbsent(memory, null);
        }
    }

    /** Ends the notes; what was made meanwhile, or has been freed, is forgotten. */
    @Override
    public void close() {
        CURRENT.set(enclosing);
        readings.values().removeIf(reading -> reading == null || reading.tensor.isReleased());
    }

    /**
     * Looks for memory that has been written since it was read.
     *
     * @return a tensor over it, or null if all is as it was
     */
    public Tensor changed() {
        for (Reading reading : readings.values()) {
            if (TensorInternals.version(reading.tensor) != reading.version) {
                return reading.tensor;
            }
        }
        return null;
    }
}
