package kept.cuda.virtual;

import java.lang.invoke.MethodHandles;
import kept.cuda.virtual.Functions.IntTest;
import kept.cuda.virtual.Functions.LongTest;

/** A comparison ({@code setp}). Its result is a mask of lanes, optionally combined with a predicate. */
abstract class Comparison extends Lanewise {
    /** Combination of the result with the predicate c. */
    enum Combination { NONE, AND, OR, XOR }

    Combination combination = Combination.NONE;

    /** The slot of the second result, the negation of the first; negative for none. */
    int second = -1;

    /** Returns the result in all lanes, inactive ones included. */
    abstract int compare(Warp warp);

    @Override
    int execute(Warp warp, int mask) {
        int outcome = compare(warp);
        warp.setPredicate(d, combined(warp, outcome), mask);
        if (second >= 0) {
            warp.setPredicate(second, combined(warp, ~outcome), mask);
        }
        return next;
    }

    private int combined(Warp warp, int outcome) {
        return switch (combination) {
            case NONE -> outcome;
            case AND -> outcome & warp.predicate(c);
            case OR -> outcome | warp.predicate(c);
            case XOR -> outcome ^ warp.predicate(c);
        };
    }

    /** Compares words. */
    static final class IntTestLoop extends Comparison {
        private static final IntTest OP = Specialised.function(MethodHandles.lookup(), IntTest.class);

        @Override
        int compare(Warp warp) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int result = 0;
            for (int i = 0; i < Warp.LANES; i++) {
                result |= (OP.test(x[i], y[i]) ? 1 : 0) << i;
            }
            return result;
        }
    }

    /** Compares longs. */
    static final class LongTestLoop extends Comparison {
        private static final LongTest OP = Specialised.function(MethodHandles.lookup(), LongTest.class);

        @Override
        int compare(Warp warp) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            int result = 0;
            for (int i = 0; i < Warp.LANES; i++) {
                result |= (OP.test(x[i], y[i]) ? 1 : 0) << i;
            }
            return result;
        }
    }
}
