package kept.cuda.virtual;

/**
 * One launch of a kernel.
 *
 * @param serial sequence number of the launch on the device
 * @param sharedBytes dynamic shared memory per block in bytes
 * @param parameters arguments in the layout that the kernel reads
 * @param memory memory of the device
 * @param watch record of the accesses to device memory; null if the launch is not watched
 * @param order order in which blocks and warps run
 * @param counts receives what the launch does; null if it is not counted
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
        Order order,
        Counts counts) {
    int threads() {
        return threadsX * threadsY * threadsZ;
    }

    /** Returns the same launch, watched and in another order. */
    KernelLaunch with(Watch by, Order in) {
        return new KernelLaunch(serial, kernel, x, y, z, threadsX, threadsY, threadsZ, sharedBytes, parameters, memory, by, in, null);
    }

    /** Returns the same launch of counted instructions. */
    KernelLaunch counted(Kernel of, Counts by) {
        return new KernelLaunch(serial, of, x, y, z, threadsX, threadsY, threadsZ, sharedBytes, parameters, memory, watch, order, by);
    }

    long blocks() {
        return (long) x * y * z;
    }
}
