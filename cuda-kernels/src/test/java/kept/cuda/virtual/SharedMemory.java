package kept.cuda.virtual;

import java.util.Arrays;

/**
 * The shared memory of a block. For each granule it knows who wrote it last and who read it last, and when, so that it can tell whether two accesses
 * have a barrier between them.
 *
 * <p>When: each warp has a clock that ticks at each barrier, and for each other warp the time up to which a barrier has put that warp's accesses
 * before its own (a vector clock). Lanes of one warp are ordered by {@code bar.warp.sync} and barriers alone, never by running together. A stamp
 * holds thread, time and whether the access was atomic; the sign says that a cp.async is still to land there.
 */
final class SharedMemory {
    /** The offset of the first byte, so that an address of 0 is none. */
    static final int FIRST = 1024;

    private static final int IN_FLIGHT = 1 << 31;
    private static final int MOST_TICKS = 1 << 20;

    private final byte[] data;
    private final int end;
    private final int shift;
    private final int[] writers;
    private final int[] readers;
    private final int[] earlierReaders;
    private final int[] clock;

    /** For each warp, the time of each other warp (and of itself) up to which accesses come before its own. */
    private final int[][] seen;

    /** The last bar.warp.sync of a part of the warp that each lane took part in: its time, and which lanes. */
    private final int[][] partTime;
    private final int[][] partLanes;

    SharedMemory(int bytes, int granule, int warps) {
        this.data = new byte[bytes + FIRST];
        this.end = bytes + FIRST;
        this.shift = Integer.numberOfTrailingZeros(granule);
        int granules = (end >> shift) + 1;
        this.writers = new int[granules];
        this.readers = new int[granules];
        this.earlierReaders = new int[granules];
        this.clock = new int[warps];
        this.seen = new int[warps][warps];
        this.partTime = new int[warps][Warp.LANES];
        this.partLanes = new int[warps][Warp.LANES];
    }

    byte[] data() {
        return data;
    }

    void begin() {
        Arrays.fill(writers, 0);
        Arrays.fill(readers, 0);
        Arrays.fill(earlierReaders, 0);
        Arrays.fill(clock, 1);
        for (int i = 0; i < seen.length; i++) {
            Arrays.fill(seen[i], 0);
            Arrays.fill(partTime[i], 0);
            Arrays.fill(partLanes[i], 0);
        }
    }

    /** A barrier that these warps have reached. */
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

    /** {@code bar.warp.sync} of some lanes of a warp. */
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
        if (++clock[warp] >= MOST_TICKS) {
            throw new KernelFault("more than " + MOST_TICKS + " barriers in one block");
        }
    }

    /** The place of an address in {@link #data}, checked against size and alignment. */
    int place(Warp warp, int lane, long address, int bytes, String what) {
        if (address < FIRST || address + bytes > end) {
            throw warp.fault(lane, "%s %d bytes of shared memory at offset %,d; the block has %,d"
                    .formatted(what, bytes, address - FIRST, end - FIRST));
        }
        if ((address & (bytes - 1)) != 0) {
            throw warp.fault(lane, "%s %d bytes of shared memory at offset %,d, which is no multiple of %d"
                    .formatted(what, bytes, address - FIRST, bytes));
        }
        return (int) address;
    }

    void read(Warp warp, int lane, int at, int bytes) {
        int me = warp.thread(lane);
        int stamp = stamp(warp, me, 0);
        int[] before = seen[warp.number];
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            if (writer <= 0) {
                throw unreadable(warp, lane, i, writer);
            }
            if (unordered(writer, me, before)) {
                refuseIfRace(warp, lane, i, writer, "reads", "written");
            }
            int reader = readers[i];
            if (thread(reader) != me) {
                earlierReaders[i] = reader;
            }
            readers[i] = stamp;
        }
    }

    void write(Warp warp, int lane, int at, int bytes) {
        write(warp, lane, at, bytes, stamp(warp, warp.thread(lane), 0));
    }

    /** An atomic access, which reads and writes; those do not race with each other. */
    void atomic(Warp warp, int lane, int at, int bytes) {
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            if (writers[i] <= 0) {
                throw unreadable(warp, lane, i, writers[i]);
            }
        }
        write(warp, lane, at, bytes, stamp(warp, warp.thread(lane), 1));
    }

    /** A cp.async begins: until it lands, nobody may touch its target. */
    void beginCopy(Warp warp, int lane, int at, int bytes) {
        write(warp, lane, at, bytes, stamp(warp, warp.thread(lane), 0) | IN_FLIGHT);
    }

    /** A cp.async lands: from now on its own thread may read, others after a barrier. */
    void land(Warp warp, int lane, int at, int bytes) {
        int stamp = stamp(warp, warp.thread(lane), 0);
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            writers[i] = stamp;
        }
    }

    private void write(Warp warp, int lane, int at, int bytes, int stamp) {
        int me = warp.thread(lane);
        int[] before = seen[warp.number];
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            if (writer < 0) {
                throw unreadable(warp, lane, i, writer);
            }
            if (unordered(writer, me, before) && (writer & stamp & 1) == 0) {
                refuseIfRace(warp, lane, i, writer, "writes", "written");
            }
            if (unordered(readers[i], me, before)) {
                refuseIfRace(warp, lane, i, readers[i], "writes", "read");
            }
            if (unordered(earlierReaders[i], me, before)) {
                refuseIfRace(warp, lane, i, earlierReaders[i], "writes", "read");
            }
            writers[i] = stamp;
            readers[i] = 0;
            earlierReaders[i] = 0;
        }
    }

    private int stamp(Warp warp, int thread, int atomic) {
        return clock[warp.number] << 11 | thread << 1 | atomic;
    }

    private static int thread(int stamp) {
        return stamp >> 1 & 1023;
    }

    private static int time(int stamp) {
        return stamp >>> 11;
    }

    private static boolean unordered(int stamp, int me, int[] before) {
        int thread = thread(stamp);
        return thread != me && time(stamp) > before[thread >> 5];
    }

    private void refuseIfRace(Warp warp, int lane, int granule, int stamp, String what, String other) {
        int thread = thread(stamp);
        int number = warp.number;
        if (thread >> 5 == number && time(stamp) <= partTime[number][lane] && (partLanes[number][lane] >> (thread & 31) & 1) != 0) {
            return;
        }
        throw warp.fault(lane, "%s shared memory at offset %,d that thread %s has %s, with no barrier between: a race".formatted(what,
                (granule << shift) - FIRST, warp.block.threadName(thread), other));
    }

    private KernelFault unreadable(Warp warp, int lane, int granule, int writer) {
        int offset = (granule << shift) - FIRST;
        if (writer == 0) {
            return warp.fault(lane, "reads shared memory at offset %,d that nobody has written".formatted(offset));
        }
        return warp.fault(lane, "uses shared memory at offset %,d that a cp.async of thread %s is still to fill: no cp.async.wait_group came between"
                .formatted(offset, warp.block.threadName(thread(writer))));
    }
}
