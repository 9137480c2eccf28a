package kept.cuda.virtual;

import kept.cuda.driver.Grid;

/** The limits of a launch: threads, registers, blocks, shared memory and the bytes of the arguments. */
final class LaunchLimits {
    private static final int OUT_OF_RESOURCES = 701;
    /** Registers of a multiprocessor, and the number of them that a warp is given at a time. */
    private static final int REGISTERS = 65_536;
    private static final int REGISTERS_AT_ONCE = 256;
    private static final int MAX_THREADS = 1024;
    private static final int MAX_BLOCKS_YZ = 65535;

    private LaunchLimits() {}

    /** Throws what the driver reports for a launch that exceeds a limit. */
    static void check(LoadedKernel loaded, Grid grid, int sharedBytes, long argumentBytes) {
        Kernel of = loaded.kernel;
        int threads = Math.multiplyExact(grid.threadsX(), grid.threadsY());
        if (threads > MAX_THREADS || of.maxThreads > 0 && threads > of.maxThreads) {
            throw VirtualDriver.invalid("cuLaunchKernel", "%s with %d threads a block; %d are the most".formatted(of.name, threads,
                    of.maxThreads > 0 ? of.maxThreads : MAX_THREADS));
        }
        int ofAWarp = Math.ceilDiv(of.maxRegisters * Warp.LANES, REGISTERS_AT_ONCE) * REGISTERS_AT_ONCE;
        int registers = Math.ceilDiv(threads, Warp.LANES) * ofAWarp;
        if (registers > REGISTERS) {
            throw VirtualDriver.failure(OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "cuLaunchKernel",
                    "%s with %d threads a block of %d registers each needs %d; a block has %d"
                            .formatted(of.name, threads, of.maxRegisters, registers, REGISTERS));
        }
        if (grid.y() > MAX_BLOCKS_YZ || grid.z() > MAX_BLOCKS_YZ) {
            throw VirtualDriver.invalid("cuLaunchKernel", "%s with %d x %d blocks along y and z; %d are the most".formatted(of.name, grid.y(),
                    grid.z(), MAX_BLOCKS_YZ));
        }
        if (sharedBytes < 0 || sharedBytes + of.sharedBytes > loaded.sharedAllowed) {
            throw VirtualDriver.invalid("cuLaunchKernel", "%s with %d + %d bytes of shared memory; %d are allowed to it".formatted(of.name,
                    sharedBytes, of.sharedBytes, loaded.sharedAllowed));
        }
        if (argumentBytes != of.parameterBytes) {
            throw VirtualDriver.invalid("cuLaunchKernel", "%s with %d bytes of arguments; it takes %d: %s".formatted(of.name, argumentBytes,
                    of.parameterBytes, of.parameters));
        }
    }
}
