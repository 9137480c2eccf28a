package kept.cuda.virtual;

import java.util.Arrays;

/**
 * The shared memory of a block with race detection. It records the last writer and reader of each granule with the time of {@link BlockClock}, from
 * which it derives whether a barrier separates two accesses. A negative stamp marks the target of a pending cp.async.
 */
final class SharedMemory {
    /** Offset of the first byte; it is above 0, so that address 0 is invalid. */
    static final int FIRST = 1024;

    private static final int IN_FLIGHT = 1 << 31;

    private final byte[] data;
    private final int end;
    private final int shift;
    private final int[] writers;
    private final int[] readers;
    private final int[] earlierReaders;
    private final BlockClock clock;

    SharedMemory(int bytes, int granule, BlockClock clock) {
        this.data = new byte[bytes + FIRST];
        this.end = bytes + FIRST;
        this.shift = Integer.numberOfTrailingZeros(granule);
        int granules = (end >> shift) + 1;
        this.writers = new int[granules];
        this.readers = new int[granules];
        this.earlierReaders = new int[granules];
        this.clock = clock;
    }

    byte[] data() {
        return data;
    }

    void begin() {
        Arrays.fill(writers, 0);
        Arrays.fill(readers, 0);
        Arrays.fill(earlierReaders, 0);
    }

    /** Returns the index of an address in {@link #data} and checks its bounds and alignment. */
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
        int stamp = clock.stamp(warp, me, 0);
        int[] before = clock.before(warp);
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            if (writer <= 0) {
                throw unreadable(warp, lane, i, writer);
            }
            if (BlockClock.unordered(writer, me, before)) {
                refuseIfRace(warp, lane, i, writer, "reads", "written");
            }
            int reader = readers[i];
            if (BlockClock.thread(reader) != me) {
                earlierReaders[i] = reader;
            }
            readers[i] = stamp;
        }
    }

    void write(Warp warp, int lane, int at, int bytes) {
        write(warp, lane, at, bytes, clock.stamp(warp, warp.thread(lane), 0));
    }

    /** Records an atomic access, which reads and writes; atomics do not race with each other. */
    void atomic(Warp warp, int lane, int at, int bytes) {
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            if (writers[i] <= 0) {
                throw unreadable(warp, lane, i, writers[i]);
            }
        }
        write(warp, lane, at, bytes, clock.stamp(warp, warp.thread(lane), 1));
    }

    /** Records the start of a cp.async: until it completes, no thread may access its target. */
    void beginCopy(Warp warp, int lane, int at, int bytes) {
        write(warp, lane, at, bytes, clock.stamp(warp, warp.thread(lane), 0) | IN_FLIGHT);
    }

    /** Records the completion of a cp.async: its thread may read the target now, other threads after a barrier. */
    void land(Warp warp, int lane, int at, int bytes) {
        int stamp = clock.stamp(warp, warp.thread(lane), 0);
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            writers[i] = stamp;
        }
    }

    private void write(Warp warp, int lane, int at, int bytes, int stamp) {
        int me = warp.thread(lane);
        int[] before = clock.before(warp);
        int last = at + bytes - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            if (writer < 0) {
                throw unreadable(warp, lane, i, writer);
            }
            if (BlockClock.unordered(writer, me, before) && (writer & stamp & 1) == 0) {
                refuseIfRace(warp, lane, i, writer, "writes", "written");
            }
            if (BlockClock.unordered(readers[i], me, before)) {
                refuseIfRace(warp, lane, i, readers[i], "writes", "read");
            }
            if (BlockClock.unordered(earlierReaders[i], me, before)) {
                refuseIfRace(warp, lane, i, earlierReaders[i], "writes", "read");
            }
            writers[i] = stamp;
            readers[i] = 0;
            earlierReaders[i] = 0;
        }
    }

    private void refuseIfRace(Warp warp, int lane, int granule, int stamp, String what, String other) {
        if (!clock.races(stamp, warp, lane)) {
            return;
        }
        throw warp.fault(lane, "%s shared memory at offset %,d that thread %s has %s, with no barrier between: a race".formatted(what,
                (granule << shift) - FIRST, warp.block.threadName(BlockClock.thread(stamp)), other));
    }

    private KernelFault unreadable(Warp warp, int lane, int granule, int writer) {
        int offset = (granule << shift) - FIRST;
        if (writer == 0) {
            return warp.fault(lane, "reads uninitialized shared memory at offset %,d".formatted(offset));
        }
        return warp.fault(lane, "uses shared memory at offset %,d that a cp.async of thread %s is still to fill: no cp.async.wait_group came between"
                .formatted(offset, warp.block.threadName(BlockClock.thread(writer))));
    }
}
