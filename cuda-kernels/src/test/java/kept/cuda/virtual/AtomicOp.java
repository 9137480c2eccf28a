package kept.cuda.virtual;

/** {@code atom} and {@code red}. Lanes run one after the other, so that results are deterministic. */
final class AtomicOp extends MemoryAccess {
    /** Computes the new value from the old one; values are the low bits of a long. */
    interface Update {
        long apply(long old, long operand, long second);
    }

    Update update;

    /** Whether the registers have 64 bits. */
    boolean isLong;

    /** The slot that receives the old value; negative for {@code red}. */
    int d = -1;
    int a;

    /** The slot of the second operand of {@code cas}; negative for none. */
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
