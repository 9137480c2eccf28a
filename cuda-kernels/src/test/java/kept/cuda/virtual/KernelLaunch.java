package kept.cuda.virtual;

/**
 * One launch of a kernel.
 *
 * @param serial its number on the device
 * @param sharedBytes dynamic shared memory of each block
 * @param parameters the arguments as the kernel reads them
 * @param memory the device's memory
 * @param watchBlocks whether blocks that touch the same byte of device memory are a fault
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
        boolean watchBlocks) {
    int threads() {
        return threadsX * threadsY * threadsZ;
    }

    long blocks() {
        return (long) x * y * z;
    }
}
