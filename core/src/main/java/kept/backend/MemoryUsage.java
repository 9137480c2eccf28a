package kept.backend;

/**
 * What a device's pool holds.
 *
 * @param inUse bytes of the blocks that tensors use
 * @param peakInUse the most bytes in use at any moment so far, or since {@link Backend#resetPeakMemory()}
 * @param reserved bytes held from the operating system or driver, in use or ready to be
 * @param obtained bytes ever taken from the operating system or driver, given back since or not: a steady loop leaves it as it is
 */
public record MemoryUsage(long inUse, long peakInUse, long reserved, long obtained) {}
