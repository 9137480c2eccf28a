package kept.cuda.virtual;

/**
 * One launch of a kernel.
 *
 * @param serial its number on the device
 * @param sharedBytes dynamic shared memory of each block
 * @param parameters the arguments as the kernel reads them
 * @param memory the device's memory
 * @param watch who touches what of device memory, where that is watched; else null
 * @param order in which blocks and warps run
 */
record KernelLaunch(
        int serial,
        Kernel kernel,
        int x,
        int y,
        int z,
        int threadsX,
        int threadsY,
        int threadsZ,
        int sharedBytes,
        byte[] parameters,
        DeviceMemory memory,
        Watch watch,
        Order order) {
    int threads() {
        return threadsX * threadsY * threadsZ;
    }

    /** The same launch, watched and in an order. */
    KernelLaunch with(Watch by, Order in) {
        return new KernelLaunch(serial, kernel, x, y, z, threadsX, threadsY, threadsZ, sharedBytes, parameters, memory, by, in);
    }

    long blocks() {
        return (long) x * y * z;
    }
}
