package kept.backend;

/**
 * Counts of the memory that a device's pool holds.
 *
 * @param inUse bytes of the blocks that tensors use
 * @param peakInUse the most bytes in use at any moment so far, or since {@link Backend#resetPeakMemory()}
 * @param reserved bytes held from the operating system or driver, used or free
 * @param obtained all bytes ever allocated by the operating system or driver, including those returned since; it does not grow in a steady loop
 */
public record MemoryUsage(long inUse, long peakInUse, long reserved, long obtained) {}
