package kept.cuda.virtual;

/** Selection, predicate logic and arithmetic with carry. */
final class Moves {
    private Moves() {}

    /** {@code selp} of words. */
    static final class SelectWord extends Lanewise {
        @Override
        int execute(Warp warp, int mask) {
            int chosen = warp.predicate(c);
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] z = warp.words[d];
            for (int m = mask; m != 0; m &= m - 1) {
                int i = Integer.numberOfTrailingZeros(m);
                z[i] = (chosen >> i & 1) != 0 ? x[i] : y[i];
            }
            return next;
        }
    }

    /** {@code selp} of longs. */
    static final class SelectLong extends Lanewise {
        @Override
        int execute(Warp warp, int mask) {
            int chosen = warp.predicate(c);
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            long[] z = warp.longs[d];
            for (int m = mask; m != 0; m &= m - 1) {
                int i = Integer.numberOfTrailingZeros(m);
                z[i] = (chosen >> i & 1) != 0 ? x[i] : y[i];
            }
            return next;
        }
    }

    /** Logic on predicates, for all lanes at once. */
    static final class PredicateLogic extends Lanewise {
        java.util.function.IntBinaryOperator operator;

        @Override
        int execute(Warp warp, int mask) {
            warp.setPredicate(d, operator.applyAsInt(warp.predicate(a), warp.predicate(b)), mask);
            return next;
        }
    }

    /** Addition and subtraction with carry ({@code add.cc}, {@code addc}, {@code sub.cc}, {@code subc}) on 32 or 64 bits. */
    static final class WithCarry extends Lanewise {
        boolean isLong;
        boolean subtract;

        /** Whether the instruction reads and writes the carry. */
        boolean in;
        boolean out;

        /** Slot of the carry, which is set where an addition overflows or a subtraction borrows. */
        int carry;

        @Override
        int execute(Warp warp, int mask) {
            int incoming = in ? warp.predicate(carry) : 0;
            int outgoing = 0;
            for (int m = mask; m != 0; m &= m - 1) {
                int i = Integer.numberOfTrailingZeros(m);
                long x = isLong ? warp.longs[a][i] : warp.words[a][i] & 0xffffffffL;
                long y = isLong ? warp.longs[b][i] : warp.words[b][i] & 0xffffffffL;
                long one = incoming >> i & 1;
                long result = subtract ? x - y - one : x + y + one;
                boolean over;
                if (!isLong) {
                    over = result >>> 32 != 0;
                    warp.words[d][i] = (int) result;
                } else {
                    int order = Long.compareUnsigned(subtract ? y : result, x);
                    over = subtract ? order > 0 || order == 0 && one != 0 : order < 0 || order == 0 && one != 0;
                    warp.longs[d][i] = result;
                }
                outgoing |= (over ? 1 : 0) << i;
            }
            if (out) {
                warp.setPredicate(carry, outgoing, mask);
            }
            return next;
        }
    }
}
