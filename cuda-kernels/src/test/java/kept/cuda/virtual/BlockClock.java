package kept.cuda.virtual;

import java.util.Arrays;

/**
 * The happens-before order that the barriers of a block establish, as vector clocks: each warp has a clock that ticks at each barrier, and for each
 * other warp the time up to which that warp's accesses happen before its own. Lanes of one warp are ordered by {@code bar.warp.sync} and barriers
 * only, not by lockstep execution.
 */
final class BlockClock {
    private static final int MAX_TICKS = 1 << 20;

    private final int[] clock;

    /** For each warp, the time of every warp up to which accesses happen before its own. */
    private final int[][] seen;

    /** For each lane, the time and the lanes of the last bar.warp.sync of a part of the warp that it took part in. */
    private final int[][] partTime;
    private final int[][] partLanes;

    BlockClock(int warps) {
        this.clock = new int[warps];
        this.seen = new int[warps][warps];
        this.partTime = new int[warps][Warp.LANES];
        this.partLanes = new int[warps][Warp.LANES];
    }

    void begin() {
        Arrays.fill(clock, 1);
        for (int i = 0; i < seen.length; i++) {
            Arrays.fill(seen[i], 0);
            Arrays.fill(partTime[i], 0);
            Arrays.fill(partLanes[i], 0);
        }
    }

    /** Records a barrier of these warps. */
    void synchronise(int warps) {
        int[] latest = new int[seen.length];
        for (int m = warps; m != 0; m &= m - 1) {
            int warp = Integer.numberOfTrailingZeros(m);
            for (int i = 0; i < latest.length; i++) {
                latest[i] = Math.max(latest[i], seen[warp][i]);
            }
            latest[warp] = Math.max(latest[warp], clock[warp]);
        }
        for (int m = warps; m != 0; m &= m - 1) {
            int warp = Integer.numberOfTrailingZeros(m);
            System.arraycopy(latest, 0, seen[warp], 0, latest.length);
            tick(warp);
        }
    }

    /** Records a {@code bar.warp.sync} of some lanes of a warp. */
    void synchroniseLanes(Warp warp, int lanes) {
        int number = warp.number;
        if ((warp.live & ~lanes) == 0) {
            seen[number][number] = clock[number];
        } else {
            for (int m = lanes; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                partTime[number][lane] = clock[number];
                partLanes[number][lane] = lanes;
            }
        }
        tick(number);
    }

    private void tick(int warp) {
        if (++clock[warp] >= MAX_TICKS) {
            throw new KernelFault("more than " + MAX_TICKS + " barriers in one block");
        }
    }

    /** Returns the stamp of an access: thread, time and whether it is atomic; above 0. */
    int stamp(Warp warp, int thread, int atomic) {
        return clock[warp.number] << 11 | thread << 1 | atomic;
    }

    /** Returns, for each warp, the time up to which its accesses happen before those of this one. */
    int[] before(Warp warp) {
        return seen[warp.number];
    }

    static int thread(int stamp) {
        return stamp >> 1 & 1023;
    }

    private static int time(int stamp) {
        return stamp >>> 11;
    }

    /** Returns whether neither a barrier of the block nor one of the whole warp has followed an access of another thread. */
    static boolean unordered(int stamp, int me, int[] before) {
        int thread = thread(stamp);
        return thread != me && time(stamp) > before[thread >> 5];
    }

    /** Returns whether not even a barrier of some lanes has followed such an access. */
    boolean races(int stamp, Warp warp, int lane) {
        int thread = thread(stamp);
        int number = warp.number;
        return thread >> 5 != number || time(stamp) > partTime[number][lane] || (partLanes[number][lane] >> (thread & 31) & 1) == 0;
    }
}
