package kept.cuda.virtual;

/**
 * Detects data races in device memory: the last writer and reader of each granule of a page in a watched launch. Blocks are unordered, so two
 * blocks that access a granule, at least one of them writing, race unless both use atomics or the later one has synchronized by a fence and an
 * atomic. Threads of one block race unless a barrier separates their accesses, as in shared memory.
 */
final class BlockRaces {
    private static final int SEVERAL = -1;

    private final int shift;
    private final int[] writers;
    private final int[] writingBlocks;
    private final int[] readers;
    private final int[] earlierReaders;
    private final int[] readingBlocks;
    private final boolean[] readByOthers;

    BlockRaces(int size, int granule) {
        this.shift = Integer.numberOfTrailingZeros(granule);
        int granules = (size - 1 >> shift) + 1;
        this.writers = new int[granules];
        this.writingBlocks = new int[granules];
        this.readers = new int[granules];
        this.earlierReaders = new int[granules];
        this.readingBlocks = new int[granules];
        this.readByOthers = new boolean[granules];
    }

    void read(Warp warp, int lane, Page page, int at, int count) {
        int block = name(warp);
        int me = warp.thread(lane);
        BlockClock clock = warp.block.clock();
        int[] before = clock.before(warp);
        int stamp = clock.stamp(warp, me, 0);
        int last = at + count - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            if (writer != 0 && writingBlocks[i] != block) {
                requireSynchronised(warp, lane, page, i, "reads", "wrote", writingBlocks[i]);
            } else if (writer != 0 && BlockClock.unordered(writer, me, before) && clock.races(writer, warp, lane)) {
                throw race(warp, lane, page, i, "reads", "written", writer);
            }
            if (readingBlocks[i] != block) {
                readByOthers[i] |= readingBlocks[i] != 0;
                readingBlocks[i] = block;
                earlierReaders[i] = 0;
            } else if (BlockClock.thread(readers[i]) != me) {
                earlierReaders[i] = readers[i];
            }
            readers[i] = stamp;
        }
    }

    void write(Warp warp, int lane, Page page, int at, int count) {
        write(warp, lane, page, at, count, 0);
    }

    void atomic(Warp warp, int lane, Page page, int at, int count) {
        write(warp, lane, page, at, count, 1);
    }

    private void write(Warp warp, int lane, Page page, int at, int count, int atomic) {
        int block = name(warp);
        int me = warp.thread(lane);
        BlockClock clock = warp.block.clock();
        int[] before = clock.before(warp);
        int stamp = clock.stamp(warp, me, atomic);
        int last = at + count - 1 >> shift;
        for (int i = at >> shift; i <= last; i++) {
            int writer = writers[i];
            boolean atomics = (writer & atomic) != 0;
            if (writer != 0 && !atomics && writingBlocks[i] != block) {
                requireSynchronised(warp, lane, page, i, "writes", "wrote", writingBlocks[i]);
            } else if (writer != 0 && !atomics && BlockClock.unordered(writer, me, before) && clock.races(writer, warp, lane)) {
                throw race(warp, lane, page, i, "writes", "written", writer);
            }
            if (readByOthers[i] || readingBlocks[i] != 0 && readingBlocks[i] != block) {
                requireSynchronised(warp, lane, page, i, "writes", "read", readByOthers[i] ? SEVERAL : readingBlocks[i]);
            }
            if (readingBlocks[i] == block) {
                requireOrdered(warp, lane, page, i, readers[i], me);
                requireOrdered(warp, lane, page, i, earlierReaders[i], me);
            }
            writers[i] = stamp;
            writingBlocks[i] = block;
            readers[i] = 0;
            earlierReaders[i] = 0;
            readingBlocks[i] = 0;
            readByOthers[i] = false;
        }
    }

    private void requireOrdered(Warp warp, int lane, Page page, int granule, int reader, int me) {
        BlockClock clock = warp.block.clock();
        if (reader != 0 && BlockClock.unordered(reader, me, clock.before(warp)) && clock.races(reader, warp, lane)) {
            throw race(warp, lane, page, granule, "writes", "read", reader);
        }
    }

    private static int name(Warp warp) {
        return (int) warp.block.index() + 1;
    }

    private void requireSynchronised(Warp warp, int lane, Page page, int granule, String what, String did, int other) {
        if (!warp.block.synchronised()) {
            String block = other == SEVERAL ? "other blocks" : "block number %d".formatted(other - 1);
            throw fault(warp, lane, page, granule, "%s 0x%x, byte %,d of %s, which %s %s in the same launch: a race", what, block, did);
        }
    }

    private KernelFault race(Warp warp, int lane, Page page, int granule, String what, String did, int stamp) {
        return fault(warp, lane, page, granule, "%s 0x%x, byte %,d of %s, that thread %s has %s, with no barrier between: a race", what,
                warp.block.threadName(BlockClock.thread(stamp)), did);
    }

    private KernelFault fault(Warp warp, int lane, Page page, int granule, String text, String what, String who, String did) {
        int at = granule << shift;
        return warp.fault(lane, text.formatted(what, page.base + at, page.offset + at, page.allocation, who, did));
    }
}
