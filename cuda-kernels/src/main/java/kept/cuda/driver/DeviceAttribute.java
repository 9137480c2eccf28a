package kept.cuda.driver;

/** The numbers that describe a device, by the driver's own codes (CUdevice_attribute). */
public enum DeviceAttribute {
    /** Streaming multiprocessors. */
    MULTIPROCESSORS(16),
    /** The second-level cache, in bytes. */
    L2_CACHE(38),
    /** The compute capability before the point. */
    CAPABILITY_MAJOR(75),
    /** The compute capability after the point. */
    CAPABILITY_MINOR(76),
    /** The most shared memory of a block that asks for it, in bytes. */
    SHARED_MEMORY_OPT_IN(97),
    /** Whether there are memory pools: 1 or 0. */
    MEMORY_POOLS(115);

    private final int code;

    DeviceAttribute(int code) {
        this.code = code;
    }

    /**
     * What the driver calls it.
     *
     * @return the code
     */
    public int code() {
        return code;
    }
}
