package kept.cuda;

/** Blocks of device memory, allocated and freed in stream order. */
interface DeviceBlocks {
    /**
     * Allocates a block.
     *
     * @param bytes size in bytes, above 0
     * @return device address, a multiple of 256
     * @throws kept.cuda.driver.CudaException with {@link kept.cuda.driver.CudaException#isOutOfMemory} if too little memory is free
     */
    long allocate(long bytes);

    /**
     * Frees a block. Work queued before may still use it; work queued later may use it for other blocks.
     *
     * @param address device address of a block
     */
    void free(long address);

    /** Releases unused memory to the system, after all queued work. */
    void trim();

    /**
     * Returns the memory obtained from the system, in use or not.
     *
     * @return bytes
     */
    long reserved();

    /**
     * Describes unused memory for an error message.
     *
     * @return text that begins with a comma; empty if nothing is known
     */
    String unused();

    /** Releases all memory, after all queued work. */
    void close();
}
