package kept.cuda.virtual;

import java.util.Arrays;

/**
 * Which block of the running launch wrote or read each byte of an allocation last. Blocks run in no order, so two that touch a byte, one of them to
 * write, race, unless both use atomics, or the later one has gone through a fence and an atomic as those do that wait for others.
 */
final class BlockRaces {
    private static final int SEVERAL = -1;
    private static final int ATOMIC = 1 << 30;

    private final int[] writers;
    private final int[] readers;
    private int serial;

    BlockRaces(int size) {
        this.writers = new int[size];
        this.readers = new int[size];
    }

    void read(Warp warp, int lane, Allocation allocation, int at, int count) {
        begin(warp);
        int me = name(warp);
        for (int i = at; i < at + count; i++) {
            int writer = writers[i];
            if (writer != 0 && (writer & ~ATOMIC) != me && !warp.block.synchronised()) {
                throw race(warp, lane, allocation, i, "reads", "wrote", writer);
            }
            readers[i] = readers[i] == 0 || readers[i] == me ? me : SEVERAL;
        }
    }

    void write(Warp warp, int lane, Allocation allocation, int at, int count) {
        write(warp, lane, allocation, at, count, name(warp));
    }

    void atomic(Warp warp, int lane, Allocation allocation, int at, int count) {
        write(warp, lane, allocation, at, count, name(warp) | ATOMIC);
    }

    private void write(Warp warp, int lane, Allocation allocation, int at, int count, int stamp) {
        begin(warp);
        int me = stamp & ~ATOMIC;
        for (int i = at; i < at + count; i++) {
            int writer = writers[i];
            if (writer != 0 && (writer & ~ATOMIC) != me && (writer & stamp & ATOMIC) == 0 && !warp.block.synchronised()) {
                throw race(warp, lane, allocation, i, "writes", "wrote", writer);
            }
            if (readers[i] != 0 && readers[i] != me && !warp.block.synchronised()) {
                throw race(warp, lane, allocation, i, "writes", "read", readers[i]);
            }
            writers[i] = stamp;
            readers[i] = 0;
        }
    }

    private void begin(Warp warp) {
        if (serial != warp.block.launch().serial()) {
            serial = warp.block.launch().serial();
            Arrays.fill(writers, 0);
            Arrays.fill(readers, 0);
        }
    }

    private static int name(Warp warp) {
        return (int) warp.block.index() + 1;
    }

    private static KernelFault race(Warp warp, int lane, Allocation allocation, int at, String what, String did, int other) {
        String block = other == SEVERAL ? "other blocks" : "block number %d".formatted((other & ~ATOMIC) - 1);
        return warp.fault(lane, "%s 0x%x, byte %,d of %s, which %s %s in the same launch: a race"
                .formatted(what, allocation.base + at, at, allocation, block, did));
    }
}
