package kept.backend.cpu;

import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * The bytes that a memory pool may hold: a number that the user sets, or what the host has without what Java's heap takes. The heap counts as it is
 * at the time, and as 512 MiB at least where it may grow to as many.
 */
final class MemoryLimit {
    /** The heap of a program whose tensors are the larger part: it may reach this size after the pool has. */
    private static final long EXPECTED_HEAP = 512 << 20;

    private final long most;
    private final LongSupplier heap;
    private final String source;

    private MemoryLimit(long most, LongSupplier heap, String source) {
        this.most = most;
        this.heap = heap;
        this.source = source;
    }

    /**
     * A limit that is set.
     *
     * @param bytes the number of bytes; the largest number for none
     * @return the limit
     */
    static MemoryLimit of(long bytes) {
        return new MemoryLimit(bytes, () -> 0, "");
    }

    /**
     * The limit of one of several processes that share the host.
     *
     * @param usable the memory that processes may take; empty if unknown
     * @param processes their number
     * @param heap the bytes of Java's heap, asked at each allocation
     * @return an equal part of the memory without the heap; none where the memory is unknown
     */
    static MemoryLimit of(OptionalLong usable, int processes, LongSupplier heap) {
        return usable.isEmpty() ? of(Long.MAX_VALUE)
                : new MemoryLimit(usable.getAsLong() / processes, heap, " (nine tenths of the memory of %s, without Java's heap)"
                        .formatted(processes == 1 ? "the machine or its control group" : "the machine, divided by " + processes + " processes"));
    }

    /**
     * What counts as Java's heap.
     *
     * @return the bytes that it takes now, or what it may grow to up to the expected size, whichever is more
     */
    static long heap() {
        Runtime java = Runtime.getRuntime();
        return Math.max(java.totalMemory(), Math.min(java.maxMemory(), EXPECTED_HEAP));
    }

    /**
     * The limit now.
     *
     * @return the number of bytes, 0 or more
     */
    long bytes() {
        return Math.max(0, most - heap.getAsLong());
    }

    /**
     * The limit and the remedies, for a message.
     *
     * @return such as {@code limit 10240 bytes; use a smaller batch}
     */
    @Override
    public String toString() {
        boolean none = most == Long.MAX_VALUE;
        return "limit %s; use a smaller batch or sequence, close scopes earlier%s".formatted(
                none ? "that of the system" : bytes() + " bytes" + source, none ? "" : ", or raise -D" + CpuSettings.MEMORY);
    }
}
