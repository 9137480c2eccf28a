package kept.backend;

/**
 * The memory of a device that has memory of its own.
 *
 * @param total its size in bytes
 * @param free the bytes still available to tensors of this process, including free blocks of its pool
 */
public record DeviceMemory(long total, long free) {}
