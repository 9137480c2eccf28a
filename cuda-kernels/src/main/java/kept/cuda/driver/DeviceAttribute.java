package kept.cuda.driver;

/** Attributes of a device, with the codes of CUdevice_attribute. */
public enum DeviceAttribute {
    /** Number of streaming multiprocessors. */
    MULTIPROCESSORS(16),
    /** Size of the L2 cache in bytes. */
    L2_CACHE(38),
    /** Major compute capability: 9 of 9.0. */
    CAPABILITY_MAJOR(75),
    /** Minor compute capability: 0 of 9.0. */
    CAPABILITY_MINOR(76),
    /** Maximum dynamic shared memory per block in bytes, for kernels that opt in. */
    SHARED_MEMORY_OPT_IN(97),
    /** 1 if physical memory can be mapped to reserved addresses, else 0. */
    VIRTUAL_MEMORY(102),
    /** 1 if the device supports memory pools, else 0. */
    MEMORY_POOLS(115);

    private final int code;

    DeviceAttribute(int code) {
        this.code = code;
    }

    /**
     * Returns the code of the attribute.
     *
     * @return CUdevice_attribute
     */
    public int code() {
        return code;
    }
}
