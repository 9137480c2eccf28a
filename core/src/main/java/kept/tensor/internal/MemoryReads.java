package kept.tensor.internal;

import java.util.IdentityHashMap;
import java.util.Map;
import kept.tensor.Tensor;

/**
 * Records the memory that operations of this thread read, to check later whether running them again would give the same result. Records may be
 * nested.
 */
public final class MemoryReads implements AutoCloseable {
    private static final ThreadLocal<MemoryReads> CURRENT = new ThreadLocal<>();

    private final MemoryReads enclosing = CURRENT.get();
    /** The version of memory that was read first; null for memory that was written first. */
    private final Map<Object, Reading> readings = new IdentityHashMap<>();

    private record Reading(Tensor tensor, int version) {}

    private MemoryReads() {}

    /**
     * Starts a record on this thread.
     *
     * @return the record, to be closed after the operations
     */
    public static MemoryReads open() {
        var reads = new MemoryReads();
        CURRENT.set(reads);
        return reads;
    }

    /**
     * Records memory that an operation is about to read.
     *
     * @param memory the memory that the views of the tensor share
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
     * Records memory that an operation is about to write.
     *
     * @param memory the memory that the views of the result share
     */
    public static void wrote(Object memory) {
        for (MemoryReads reads = CURRENT.get(); reads != null; reads = reads.enclosing) {
            reads.readings.putIfAbsent(memory, null);
        }
    }

    /** Ends the record and drops memory that was allocated since the start or has been freed. */
    @Override
    public void close() {
        CURRENT.set(enclosing);
        readings.values().removeIf(reading -> reading == null || reading.tensor.isReleased());
    }

    /**
     * Looks for memory that has been written since it was read.
     *
     * @return a tensor over it, or null if nothing has been written
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
