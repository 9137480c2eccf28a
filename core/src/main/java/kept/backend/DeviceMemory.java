package kept.backend;

/**
 * The memory of a device that has its own.
 *
 * @param total bytes in all
 * @param free bytes that tensors of this process could still have, what its pool keeps ready included
 */
public record DeviceMemory(long total, long free) {}
