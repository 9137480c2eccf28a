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
    /** Memory by its first use; null for memory whose former elements the operations cannot see. */
    private final Map<Object, Reading> readings = new IdentityHashMap<>();

    /**
     * Memory with elements that operations may see.
     *
     * @param version its version before the operations; negative if they wrote a part of it first, which they would do again
     */
    private record Reading(Tensor tensor, int version) {
        private static final int WRITTEN = -1;

        Reading ended() {
            return version == WRITTEN ? new Reading(tensor, TensorInternals.version(tensor)) : this;
        }
    }

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
     * Runs what is not a part of the operations, such as bringing elements to where they are read.
     *
     * @param work runs without a record
     */
    public static void unrecorded(Runnable work) {
        MemoryReads current = CURRENT.get();
        CURRENT.remove();
        try {
            work.run();
        } finally {
            CURRENT.set(current);
        }
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
     * Records memory that an operation has written.
     *
     * @param memory the memory that the views of the result share
     * @param result the result
     * @param isWhole whether it fills the memory
     */
    public static void wrote(Object memory, Tensor result, boolean isWhole) {
        for (MemoryReads reads = CURRENT.get(); reads != null; reads = reads.enclosing) {
            if (!reads.readings.containsKey(memory)) {
                reads.readings.put(memory, isWhole ? null : new Reading(result.detach(), Reading.WRITTEN));
            }
        }
    }

    /**
     * Records new memory.
     *
     * @param memory the memory
     */
    public static void allocated(Object memory) {
        for (MemoryReads reads = CURRENT.get(); reads != null; reads = reads.enclosing) {
            reads.readings.put(memory, null);
        }
    }

    /** Ends the record and drops memory that was allocated since the start or has been freed. */
    @Override
    public void close() {
        CURRENT.set(enclosing);
        readings.values().removeIf(reading -> reading == null || reading.tensor.isReleased());
        readings.replaceAll((_, reading) -> reading.ended());
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
