package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The special registers of a thread ({@code %tid.x} and the like). Each has a slot that is set when a block starts. */
final class SpecialRegisters {
    private record Use(String name, int slot) {}

    private final List<Use> words = new ArrayList<>();
    private final List<Use> longs = new ArrayList<>();

    static boolean known(String name) {
        return switch (name) {
            case "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y",
                    "%nctaid.z", "%laneid", "%warpid", "%nwarpid", "%smid", "%nsmid", "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt",
                    "%lanemask_ge", "%dynamic_smem_size", "%total_smem_size", "%clock", "%clock_hi", "%clock64", "%globaltimer", "WARP_SZ" -> true;
            default -> false;
        };
    }

    void useWord(String name, int slot) {
        words.add(new Use(name, slot));
    }

    void useLong(String name, int slot) {
        longs.add(new Use(name, slot));
    }

    void fill(Warp warp) {
        for (Use use : words) {
            int[] values = warp.words[use.slot()];
            for (int lane = 0; lane < Warp.LANES; lane++) {
                values[lane] = value(use.name(), warp, lane);
            }
        }
        for (Use use : longs) {
            Arrays.fill(warp.longs[use.slot()], 0);
        }
    }

    /** Returns the value in a lane. Clocks are constant, since results must be deterministic. */
    private static int value(String name, Warp warp, int lane) {
        KernelLaunch launch = warp.block.launch();
        int thread = warp.thread(lane);
        return switch (name) {
            case "%tid.x" -> thread % launch.threadsX();
            case "%tid.y" -> thread / launch.threadsX() % launch.threadsY();
            case "%tid.z" -> thread / (launch.threadsX() * launch.threadsY());
            case "%ntid.x" -> launch.threadsX();
            case "%ntid.y" -> launch.threadsY();
            case "%ntid.z" -> launch.threadsZ();
            case "%ctaid.x" -> warp.block.x();
            case "%ctaid.y" -> warp.block.y();
            case "%ctaid.z" -> warp.block.z();
            case "%nctaid.x" -> launch.x();
            case "%nctaid.y" -> launch.y();
            case "%nctaid.z" -> launch.z();
            case "%laneid" -> lane;
            case "%warpid" -> warp.number;
            case "%nwarpid" -> warp.block.warps();
            case "%nsmid" -> 1;
            case "%lanemask_eq" -> 1 << lane;
            case "%lanemask_lt" -> (1 << lane) - 1;
            case "%lanemask_le" -> (2 << lane) - 1;
            case "%lanemask_gt" -> -(2 << lane);
            case "%lanemask_ge" -> -(1 << lane);
            case "%dynamic_smem_size" -> launch.sharedBytes();
            case "%total_smem_size" -> launch.sharedBytes() + warp.kernel.sharedBytes;
            case "WARP_SZ" -> Warp.LANES;
            default -> 0;
        };
    }
}
