package kept.backend;

/**
 * What a device's pool holds.
 *
 * @param inUse bytes of the blocks that tensors use
 * @param peakInUse the most bytes in use at any moment so far
 * @param reserved bytes held from the operating system or driver, in use or ready to be
 */
public record MemoryUsage(long inUse, long peakInUse, long reserved) {}
