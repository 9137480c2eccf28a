package kept.bench.recording;

import java.util.Optional;
import java.util.regex.Pattern;
import kept.bench.recording.Recording.Launch;
import kept.cuda.driver.Pipe;

/**
 * The time of a launch by roofline: the resource that takes longest decides. Bytes of device memory follow from the operands, everything else from
 * the counts of the kernel at a small shape, in proportion to the units of work.
 *
 * @param seconds time without the gap to the next launch
 * @param limit resource that decides
 */
record KernelTime(double seconds, String limit) {
    private static final double LANES = 32;
    private static final int SECTOR = 32;
    private static final double SCHEDULERS = 4;
    private static final double SPECIAL_LANES = 16;
    /** Bytes per clock that a multiprocessor reads of the L2 cache: at most 64; about half of it if all do so. */
    private static final double L2_BYTES = 32;
    /** Time of a read of device memory. */
    private static final double MEMORY_LATENCY = 0.7e-6;
    /** Clocks from an instruction of a warp to its next one, with the usual independence of instructions. */
    private static final double ISSUE_LATENCY = 2;
    /** Kernels whose blocks loop over pieces: what they access twice, they access in the same turn. */
    private static final Pattern LOOPING = Pattern.compile("adamw_\\w+|\\w*norm_gradient\\w*");
    /** Most resident blocks of a multiprocessor. */
    private static final double MAX_BLOCKS = 32;

    private static KernelTime longer(KernelTime one, double seconds, String limit) {
        return seconds > one.seconds ? new KernelTime(seconds, limit) : one;
    }

    static KernelTime of(Launch launch, KernelWork work, GpuModel model) {
        double blocks = (double) launch.grid().x() * launch.grid().y() * launch.grid().z();
        double active = Math.min(blocks, model.multiprocessors());
        double clocks = active * model.clock();
        double resident = resident(launch, model);
        Optional<KernelCosts.Row> known = KernelCosts.of(launch.kernel());
        double bandwidth = Math.min(model.copyBandwidth(), 2 * L2_BYTES * clocks);
        double tensor = work.tensorOperations() / (2 * model.warpProducts() * clocks);
        if (known.isEmpty()) {
            return longer(new KernelTime(work.bytes() / bandwidth, "memory"), tensor, "tensor cores");
        }
        KernelCosts.Row cost = known.get();
        double scale = work.units() / cost.units();
        double together = Math.min(blocks, model.multiprocessors() * resident) * work.bytes() / blocks;
        boolean twice = together > model.l2Bytes() && !LOOPING.matcher(launch.kernel()).matches();
        double again = twice ? Math.max(1, (double) cost.sectors() / cost.distinctSectors()) : 1;
        KernelTime time = new KernelTime(work.bytes() * again / bandwidth, "memory");
        time = longer(time, cost.sectors() * scale * SECTOR / (L2_BYTES * clocks), "L2 cache");
        time = longer(time, cost.allInstructions() * scale / (SCHEDULERS * clocks), "instructions");
        double floatLanes = model.capability() == 80 ? 64 : 128;
        time = longer(time, cost.instructions(Pipe.FLOAT) * scale * LANES / floatLanes / clocks, "f32 arithmetic");
        double integers = cost.instructions(Pipe.INTEGER) + (double) cost.instructions(Pipe.CONVERSION);
        time = longer(time, integers * scale * LANES / model.integerLanes() / clocks, "integer arithmetic");
        time = longer(time, cost.instructions(Pipe.DOUBLE) * scale * LANES / model.doubleLanes() / clocks, "f64 arithmetic");
        time = longer(time, cost.instructions(Pipe.SPECIAL) * scale * LANES / SPECIAL_LANES / clocks, "special functions");
        time = longer(time, (cost.wavefronts() + cost.instructions(Pipe.WARP)) * scale / clocks, "shared memory");
        time = longer(time, cost.multiplyAdds() * scale / (model.warpProducts() * clocks), "tensor cores");
        double warps = blocks * Math.ceil(launch.grid().threadsX() * launch.grid().threadsY() / LANES);
        double ofWarp = scale / warps * (cost.stalls() * MEMORY_LATENCY + cost.allInstructions() * ISSUE_LATENCY / model.clock());
        return longer(time, ofWarp * Math.ceil(blocks / (model.multiprocessors() * resident)), "latency");
    }

    /** Blocks that a multiprocessor runs at once. */
    static double resident(Launch launch, GpuModel model) {
        int threads = launch.grid().threadsX() * launch.grid().threadsY();
        double byWarps = Math.min(MAX_BLOCKS, Math.floor(model.warps() / Math.ceil(threads / LANES)));
        double byRegisters = Registers.blocks(Registers.of(launch.kernel(), model.capability()), threads);
        double byShared = launch.sharedBytes() == 0 ? byWarps : Math.floor((double) model.sharedBytes() / launch.sharedBytes());
        return Math.max(1, Math.min(byShared, Math.min(byWarps, byRegisters)));
    }
}
