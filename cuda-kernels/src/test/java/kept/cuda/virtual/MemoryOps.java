package kept.cuda.virtual;

/** Loads and stores. */
final class MemoryOps {
    private MemoryOps() {}

    /** What loads and stores share: the elements of the access and the registers they come from or go to. */
    abstract static class Transfer extends MemoryAccess {
        /** Bytes of an element. */
        int width;

        /** The slots of the elements; negative for one that is thrown away. */
        int[] slots;

        /** For each element, whether its register has 64 bits. */
        boolean[] isLong;
    }

    /** {@code ld}. */
    static final class Load extends Transfer {
        /** Whether a narrow element is extended by its sign. */
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

    /** {@code cp.async}: begins copies of 4, 8 or 16 bytes from device to shared memory. */
    static final class CopyAsync extends MemoryAccess {
        /** Where the bytes come from. */
        int source;
        long sourceOffset;

        /** The slot of how many bytes to read, the rest being zeros, or negative for all. */
        int given = -1;

        /** The slot of a predicate that, where true, has zeros copied instead; or {@link Instruction#ALWAYS} for none. */
        int ignore = ALWAYS;

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
        /** Groups that may stay on their way; negative for none, and what is not committed must land too. */
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

    /** {@code fence} and {@code membar}: blocks that go through one and then an atomic may use what others left for them. */
    static final class Fence extends Instruction {
        @Override
        int execute(Warp warp, int mask) {
            warp.block.fenced();
            return next;
        }
    }
}
