package kept.cuda.virtual;

/** Loads and stores. */
final class MemoryOps {
    private MemoryOps() {}

    /** Base of loads and stores: the elements of the access and their registers. */
    abstract static class Transfer extends MemoryAccess {
        /** Size of an element in bytes. */
        int width;

        /** Slots of the elements; negative for a discarded one. */
        int[] slots;

        /** Whether the register of each element has 64 bits. */
        boolean[] isLong;
    }

    /** {@code ld}. */
    static final class Load extends Transfer {
        /** Whether a narrow element is sign-extended. */
        boolean signed;

        @Override
        int execute(Warp warp, int mask) {
            for (int m = mask; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                resolveRead(warp, lane);
                int at = warp.at;
                for (int i = 0; i < slots.length; i++) {
                    if (slots[i] >= 0) {
                        load(warp, lane, i, at + i * width);
                    }
                }
            }
            return next;
        }

        private void load(Warp warp, int lane, int element, int at) {
            if (width == 4 && !isLong[element]) {
                warp.words[slots[element]][lane] = Bytes.getInt(warp.bytes, at);
                return;
            }
            long value = Bytes.get(warp.bytes, at, width);
            if (signed) {
                int unused = Long.SIZE - 8 * width;
                value = value << unused >> unused;
            }
            if (isLong[element]) {
                warp.longs[slots[element]][lane] = value;
            } else {
                warp.words[slots[element]][lane] = (int) value;
            }
        }
    }

    /** {@code st}. */
    static final class Store extends Transfer {
        @Override
        void count(Warp warp, int mask, Counts counts) {
            countAddresses(warp, mask, counts, true);
        }

        @Override
        int execute(Warp warp, int mask) {
            for (int m = mask; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                resolveWrite(warp, lane);
                int at = warp.at;
                for (int i = 0; i < slots.length; i++) {
                    if (isLong[i]) {
                        Bytes.put(warp.bytes, at + i * width, width, warp.longs[slots[i]][lane]);
                    } else {
                        Bytes.put(warp.bytes, at + i * width, width, warp.words[slots[i]][lane]);
                    }
                }
            }
            return next;
        }
    }

    /** {@code cp.async}: starts copies of 4, 8 or 16 bytes from device to shared memory. */
    static final class CopyAsync extends MemoryAccess {
        /** Source of the copy. */
        int source;
        long sourceOffset;

        /** Slot of the number of bytes to read, with zeros for the rest; negative to read all. */
        int given = -1;

        /** Slot of a predicate that replaces the source by zeros where it is true; {@link Instruction#ALWAYS} for none. */
        int ignore = ALWAYS;

        @Override
        void count(Warp warp, int mask, Counts counts) {
            int ignored = ignore == ALWAYS ? 0 : warp.predicate(ignore);
            long[] addresses = new long[Warp.LANES];
            int[] sizes = new int[Warp.LANES];
            int lanes = 0;
            for (int m = mask; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                sizes[lanes] = (ignored >> lane & 1) != 0 ? 0 : given < 0 ? bytes : warp.words[given][lane];
                addresses[lanes++] = warp.longs[source][lane] + sourceOffset;
            }
            counts.device(warp, addresses, sizes, lanes, false);
            countAddresses(warp, mask, counts, true);
        }

        @Override
        int execute(Warp warp, int mask) {
            int ignored = ignore == ALWAYS ? 0 : warp.predicate(ignore);
            for (int m = mask; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                int count = (ignored >> lane & 1) != 0 ? 0 : given < 0 ? bytes : warp.words[given][lane];
                if (count < 0 || count > bytes) {
                    throw warp.fault(lane, "copies %d of %d bytes".formatted(count, bytes));
                }
                shared(warp, lane, address(warp, lane), "copies to");
                int place = warp.at;
                if (count > 0) {
                    deviceRead(warp, lane, warp.longs[source][lane] + sourceOffset, count);
                }
                warp.copies.begin(lane, warp.bytes, warp.at, count, place, bytes);
            }
            return next;
        }
    }

    /** {@code cp.async.commit_group}. */
    static final class CommitGroup extends Instruction {
        @Override
        int execute(Warp warp, int mask) {
            warp.copies.commit(mask);
            return next;
        }
    }

    /** {@code cp.async.wait_group} and {@code wait_all}. */
    static final class WaitGroup extends Instruction {
        /** Maximum number of pending groups; negative to wait for all copies, committed or not. */
        int but;

        @Override
        int execute(Warp warp, int mask) {
            if (but < 0) {
                warp.copies.awaitAll(mask);
            } else {
                warp.copies.await(mask, but);
            }
            return next;
        }
    }

    /** {@code fence} and {@code membar}: after a fence and an atomic, a block may read what other blocks have written. */
    static final class Fence extends Instruction {
        @Override
        int execute(Warp warp, int mask) {
            warp.block.fenced();
            return next;
        }
    }
}
