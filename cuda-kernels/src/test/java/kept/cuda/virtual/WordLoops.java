package kept.cuda.virtual;

import java.lang.invoke.MethodHandles;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.function.LongToIntFunction;
import kept.cuda.virtual.Functions.Int3;
import kept.cuda.virtual.Functions.Int4;

/** Templates of instructions with a 32-bit result, computed per lane. {@link Specialised} copies a template for each function. */
final class WordLoops {
    private WordLoops() {}

    /** A word from a word. */
    static final class Int1Loop extends Lanewise {
        private static final IntUnaryOperator OP = Specialised.function(MethodHandles.lookup(), IntUnaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsInt(x[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsInt(x[i]);
                }
            }
            return next;
        }
    }

    /** A word from two words. */
    static final class Int2Loop extends Lanewise {
        private static final IntBinaryOperator OP = Specialised.function(MethodHandles.lookup(), IntBinaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsInt(x[i], y[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsInt(x[i], y[i]);
                }
            }
            return next;
        }
    }

    /** A word from three words. */
    static final class Int3Loop extends Lanewise {
        private static final Int3 OP = Specialised.function(MethodHandles.lookup(), Int3.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] u = warp.words[c];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.apply(x[i], y[i], u[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.apply(x[i], y[i], u[i]);
                }
            }
            return next;
        }
    }

    /** A word from four words. */
    static final class Int4Loop extends Lanewise {
        private static final Int4 OP = Specialised.function(MethodHandles.lookup(), Int4.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] u = warp.words[c];
            int[] v = warp.words[e];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.apply(x[i], y[i], u[i], v[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.apply(x[i], y[i], u[i], v[i]);
                }
            }
            return next;
        }
    }

    /** A word from a long. */
    static final class LongToIntLoop extends Lanewise {
        private static final LongToIntFunction OP = Specialised.function(MethodHandles.lookup(), LongToIntFunction.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsInt(x[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsInt(x[i]);
                }
            }
            return next;
        }
    }
}
