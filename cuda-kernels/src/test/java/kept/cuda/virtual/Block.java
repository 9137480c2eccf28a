package kept.cuda.virtual;

import java.util.SplittableRandom;

/** A thread block: its warps, which are scheduled in the order of the launch, its shared memory and its barriers. */
final class Block {
    private static final int BARRIERS = 16;

    private final KernelLaunch launch;
    private final Warp[] warps;
    private final BlockClock clock;
    private final SharedMemory shared;
    private final Counts counts;

    /** The warps that have arrived at each barrier, and the number of threads it waits for; 0 for all. */
    private final int[] arrived = new int[BARRIERS];
    private final int[] expected = new int[BARRIERS];

    /** State of a barrier with a reduction: number of threads, and of those with a true predicate. */
    private final int[] voters = new int[BARRIERS];
    private final int[] votes = new int[BARRIERS];
    private long index;
    private boolean fenced;
    private boolean synchronised;

    Block(KernelLaunch launch) {
        this.launch = launch;
        int threads = launch.threads();
        this.warps = new Warp[(threads + Warp.LANES - 1) / Warp.LANES];
        this.clock = new BlockClock(warps.length);
        this.counts = launch.counts() == null ? null : new Counts(warps.length);
        this.shared = new SharedMemory(launch.kernel().sharedBytes + launch.sharedBytes(), launch.kernel().sharedGranule, clock);
        for (int i = 0; i < warps.length; i++) {
            int lanes = Math.min(Warp.LANES, threads - i * Warp.LANES);
            warps[i] = new Warp(launch.kernel(), this, i, lanes == Warp.LANES ? Warp.ALL : (1 << lanes) - 1);
        }
    }

    KernelLaunch launch() {
        return launch;
    }

    SharedMemory shared() {
        return shared;
    }

    BlockClock clock() {
        return clock;
    }

    /** Returns the counts of the blocks so far; null if the launch is not counted. */
    Counts counts() {
        return counts;
    }

    int warps() {
        return warps.length;
    }

    long index() {
        return index;
    }

    int x() {
        return (int) (index % launch.x());
    }

    int y() {
        return (int) (index / launch.x() % launch.y());
    }

    int z() {
        return (int) (index / launch.x() / launch.y());
    }

    String name() {
        return "(%d,%d,%d)".formatted(x(), y(), z());
    }

    String threadName(int thread) {
        return "(%d,%d,%d)".formatted(thread % launch.threadsX(), thread / launch.threadsX() % launch.threadsY(),
                thread / launch.threadsX() / launch.threadsY());
    }

    /** Records a fence of device memory. */
    void fenced() {
        fenced = true;
    }

    /** Records an atomic on device memory. After a fence it can tell the block that other blocks have finished. */
    void communicates() {
        synchronised |= fenced;
    }

    /** Returns whether the block is synchronized with other blocks by a fence and an atomic. */
    boolean synchronised() {
        return synchronised;
    }

    /**
     * Runs one block of the grid to completion.
     *
     * @param block index of the block
     * @param most maximum number of instructions of a warp
     * @return number of executed instructions, counting each lane
     */
    long run(long block, long most) {
        index = block;
        fenced = false;
        synchronised = false;
        clock.begin();
        shared.begin();
        if (counts != null) {
            counts.begin();
        }
        for (int i = 0; i < BARRIERS; i++) {
            clear(i);
        }
        for (Warp warp : warps) {
            warp.laneInstructions = 0;
            warp.begin();
        }
        SplittableRandom random = launch.order().source((int) block);
        int[] turns = launch.order().warps(warps.length, random);
        long spent = 0;
        boolean running = true;
        while (running) {
            boolean moved = false;
            running = false;
            int longest = 1;
            for (int turn : turns) {
                Warp warp = warps[turn];
                if (!warp.ended() && warp.barrier < 0) {
                    int instructions = launch.order().turn(random);
                    longest = Math.max(longest, instructions);
                    warp.run(instructions);
                    moved = true;
                    release();
                }
                running |= !warp.ended();
            }
            if (!moved && running) {
                throw stuck();
            }
            spent += longest;
            if (spent > most) {
                throw warps[0].fault(0, "still runs after " + spent + " instructions of a warp: is it an endless loop?");
            }
        }
        long sum = 0;
        for (Warp warp : warps) {
            sum += warp.laneInstructions;
        }
        return sum;
    }

    /** Lets a warp arrive at a barrier; the warp may have to wait there. */
    void arrive(Warp warp, int barrier, int threads) {
        if (arrived[barrier] != 0 && expected[barrier] != threads) {
            throw warp.fault(0, "waits at barrier %d for %d threads, but others wait there for %d".formatted(barrier, threads, expected[barrier]));
        }
        arrived[barrier] |= 1 << warp.number;
        expected[barrier] = threads;
    }

    /** Adds the predicates of a warp that arrives at a barrier with a reduction. */
    void vote(int barrier, int threads, int truths) {
        voters[barrier] += threads;
        votes[barrier] += truths;
    }

    private void clear(int barrier) {
        arrived[barrier] = 0;
        voters[barrier] = 0;
        votes[barrier] = 0;
    }

    /** Releases the warps of each barrier at which all expected threads have arrived. */
    void release() {
        int live = 0;
        for (Warp warp : warps) {
            live |= warp.ended() ? 0 : 1 << warp.number;
        }
        for (int i = 0; i < BARRIERS; i++) {
            int here = arrived[i];
            if (here != 0 && (expected[i] == 0 ? (live & ~here) == 0 : Integer.bitCount(here) * Warp.LANES >= expected[i])) {
                clock.synchronise(here);
                for (int m = here; m != 0; m &= m - 1) {
                    Warp warp = warps[Integer.numberOfTrailingZeros(m)];
                    if (warp.barrier == i) {
                        warp.barrier = -1;
                        warp.barrierVoters = voters[i];
                        warp.barrierVotes = votes[i];
                    }
                }
                clear(i);
            }
        }
    }

    private KernelFault stuck() {
        var text = new StringBuilder();
        for (Warp warp : warps) {
            if (!warp.ended()) {
                text.append("%s warp %d at barrier %d, line %d".formatted(text.isEmpty() ? "" : ",", warp.number, warp.barrier, warp.current.line));
            }
        }
        return new KernelFault("kernel %s, %s, block %s: warps wait at barriers that others never reach:%s"
                .formatted(launch.kernel().name, launch.kernel().file, name(), text));
    }
}
