package kept.cuda.virtual;

/** {@code atom} and {@code red}: one lane after the other, so that the result is the same every time. */
final class AtomicOp extends MemoryAccess {
    /** What becomes of the old value, all as the low bits of a long. */
    interface Update {
        long apply(long old, long operand, long second);
    }

    Update update;

    /** Whether the registers have 64 bits. */
    boolean isLong;

    /** The slot of the old value, or negative for {@code red}. */
    int d = -1;
    int a;

    /** The slot of the second operand, that of {@code cas}; negative for none. */
    int b = -1;

    @Override
    int execute(Warp warp, int mask) {
        for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            long operand = operand(warp, a, lane);
            long second = b < 0 ? 0 : operand(warp, b, lane);
            long old;
            synchronized (resolveAtomic(warp, lane)) {
                old = Bytes.get(warp.bytes, warp.at, bytes);
                Bytes.put(warp.bytes, warp.at, bytes, update.apply(old, operand, second));
            }
            if (d >= 0) {
                if (isLong) {
                    warp.longs[d][lane] = old;
                } else {
                    warp.words[d][lane] = (int) old;
                }
            }
        }
        return next;
    }

    private long operand(Warp warp, int slot, int lane) {
        return isLong ? warp.longs[slot][lane] : warp.words[slot][lane];
    }
}
