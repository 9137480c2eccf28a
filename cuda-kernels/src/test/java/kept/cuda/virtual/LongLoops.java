package kept.cuda.virtual;

import java.lang.invoke.MethodHandles;
import java.util.function.IntToLongFunction;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;
import kept.cuda.virtual.Functions.IntsToLong;
import kept.cuda.virtual.Functions.Long2Int2;
import kept.cuda.virtual.Functions.Long3;
import kept.cuda.virtual.Functions.LongInt;
import kept.cuda.virtual.Functions.LongInt2;
import kept.cuda.virtual.Functions.WideMad;

/** Templates of instructions with a 64-bit result, computed per lane. {@link Specialised} copies a template for each function. */
final class LongLoops {
    private LongLoops() {}

    /** A long from a long. */
    static final class Long1Loop extends Lanewise {
        private static final LongUnaryOperator OP = Specialised.function(MethodHandles.lookup(), LongUnaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsLong(x[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsLong(x[i]);
                }
            }
            return next;
        }
    }

    /** A long from two longs. */
    static final class Long2Loop extends Lanewise {
        private static final LongBinaryOperator OP = Specialised.function(MethodHandles.lookup(), LongBinaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsLong(x[i], y[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsLong(x[i], y[i]);
                }
            }
            return next;
        }
    }

    /** A long from three longs. */
    static final class Long3Loop extends Lanewise {
        private static final Long3 OP = Specialised.function(MethodHandles.lookup(), Long3.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            long[] u = warp.longs[c];
            long[] z = warp.longs[d];
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

    /** A long from a word. */
    static final class IntToLongLoop extends Lanewise {
        private static final IntToLongFunction OP = Specialised.function(MethodHandles.lookup(), IntToLongFunction.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.applyAsLong(x[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.applyAsLong(x[i]);
                }
            }
            return next;
        }
    }

    /** A long from two words. */
    static final class IntsToLongLoop extends Lanewise {
        private static final IntsToLong OP = Specialised.function(MethodHandles.lookup(), IntsToLong.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.apply(x[i], y[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.apply(x[i], y[i]);
                }
            }
            return next;
        }
    }

    /** A long from two words and a long. */
    static final class WideMadLoop extends Lanewise {
        private static final WideMad OP = Specialised.function(MethodHandles.lookup(), WideMad.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            long[] u = warp.longs[c];
            long[] z = warp.longs[d];
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

    /** A long from a long and a word. */
    static final class LongIntLoop extends Lanewise {
        private static final LongInt OP = Specialised.function(MethodHandles.lookup(), LongInt.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            int[] y = warp.words[b];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = OP.apply(x[i], y[i]);
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = OP.apply(x[i], y[i]);
                }
            }
            return next;
        }
    }

    /** A long from a long and two words. */
    static final class LongInt2Loop extends Lanewise {
        private static final LongInt2 OP = Specialised.function(MethodHandles.lookup(), LongInt2.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            int[] y = warp.words[b];
            int[] u = warp.words[c];
            long[] z = warp.longs[d];
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

    /** A long from two longs and two words. */
    static final class Long2Int2Loop extends Lanewise {
        private static final Long2Int2 OP = Specialised.function(MethodHandles.lookup(), Long2Int2.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            int[] u = warp.words[c];
            int[] v = warp.words[e];
            long[] z = warp.longs[d];
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
}
