package kept.cuda.driver;

import java.util.Map;

/**
 * What a profiler would report of a launch, without times.
 *
 * @param kernel name of the kernel
 * @param grid blocks and threads
 * @param sharedBytes dynamic shared memory per block in bytes
 * @param arguments arguments as the kernel receives them; not modified
 * @param ptxInstructions PTX instructions, one for each warp that executes it
 * @param instructions machine instructions by pipe, one for each warp that executes it, estimated from the PTX
 * @param stalls times that a warp waited for device memory: it used a loaded value, at most once between two branches or barriers, or waited for
 *     asynchronous copies
 * @param bytesAsked bytes of device memory that all threads read and wrote
 * @param sectors 32-byte sectors of device memory, counted once for each warp instruction that accesses them
 * @param distinctSectors sectors that the launch reads, and those that it writes, each counted once
 * @param wavefronts cycles of the shared memory of a multiprocessor
 * @param leastWavefronts cycles that the same accesses would take without bank conflicts
 * @param multiplyAdds multiply-adds on tensor cores
 */
public record LaunchCounts(String kernel, Grid grid, int sharedBytes, byte[] arguments, long ptxInstructions, Map<Pipe, Long> instructions,
        long stalls, long bytesAsked, long sectors, long distinctSectors, long wavefronts, long leastWavefronts, long multiplyAdds) {
    /**
     * Returns the machine instructions of all pipes.
     *
     * @return number of warp instructions
     */
    public long allInstructions() {
        return instructions.values().stream().mapToLong(Long::longValue).sum();
    }
}
