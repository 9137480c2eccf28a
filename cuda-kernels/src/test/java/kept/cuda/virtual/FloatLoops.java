package kept.cuda.virtual;

import java.lang.invoke.MethodHandles;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import kept.cuda.virtual.Functions.Double3;
import kept.cuda.virtual.Functions.Float1;
import kept.cuda.virtual.Functions.Float2;
import kept.cuda.virtual.Functions.Float3;

/** Templates of floating-point instructions, which compute each lane from its own registers. {@link Specialised} copies them for each function. */
final class FloatLoops {
    /** Bits of every f32 NaN result, independent of the operands' payloads. */
    static final int NAN = 0x7fffffff;

    /** Bits of every f64 NaN result. */
    static final long NAN_64 = 0x7ff8000000000000L;

    private FloatLoops() {}

    /** Returns the bits of an f32 result. */
    static int bits(float value) {
        return value != value ? NAN : Float.floatToRawIntBits(value);
    }

    /** Returns the bits of an f64 result. */
    static long bits(double value) {
        return value != value ? NAN_64 : Double.doubleToRawLongBits(value);
    }

    /** An f32 from an f32. */
    static final class Float1Loop extends Lanewise {
        private static final Float1 OP = Specialised.function(MethodHandles.lookup(), Float1.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i])));
                }
            }
            return next;
        }
    }

    /** An f32 from two. */
    static final class Float2Loop extends Lanewise {
        private static final Float2 OP = Specialised.function(MethodHandles.lookup(), Float2.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i]), Float.intBitsToFloat(y[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i]), Float.intBitsToFloat(y[i])));
                }
            }
            return next;
        }
    }

    /** An f32 from three. */
    static final class Float3Loop extends Lanewise {
        private static final Float3 OP = Specialised.function(MethodHandles.lookup(), Float3.class);

        @Override
        int execute(Warp warp, int mask) {
            int[] x = warp.words[a];
            int[] y = warp.words[b];
            int[] u = warp.words[c];
            int[] z = warp.words[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i]), Float.intBitsToFloat(y[i]), Float.intBitsToFloat(u[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.apply(Float.intBitsToFloat(x[i]), Float.intBitsToFloat(y[i]), Float.intBitsToFloat(u[i])));
                }
            }
            return next;
        }
    }

    /** An f64 from an f64. */
    static final class Double1Loop extends Lanewise {
        private static final DoubleUnaryOperator OP = Specialised.function(MethodHandles.lookup(), DoubleUnaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.applyAsDouble(Double.longBitsToDouble(x[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.applyAsDouble(Double.longBitsToDouble(x[i])));
                }
            }
            return next;
        }
    }

    /** An f64 from two. */
    static final class Double2Loop extends Lanewise {
        private static final DoubleBinaryOperator OP = Specialised.function(MethodHandles.lookup(), DoubleBinaryOperator.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.applyAsDouble(Double.longBitsToDouble(x[i]), Double.longBitsToDouble(y[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.applyAsDouble(Double.longBitsToDouble(x[i]), Double.longBitsToDouble(y[i])));
                }
            }
            return next;
        }
    }

    /** An f64 from three. */
    static final class Double3Loop extends Lanewise {
        private static final Double3 OP = Specialised.function(MethodHandles.lookup(), Double3.class);

        @Override
        int execute(Warp warp, int mask) {
            long[] x = warp.longs[a];
            long[] y = warp.longs[b];
            long[] u = warp.longs[c];
            long[] z = warp.longs[d];
            if (mask == Warp.ALL) {
                for (int i = 0; i < Warp.LANES; i++) {
                    z[i] = bits(OP.apply(Double.longBitsToDouble(x[i]), Double.longBitsToDouble(y[i]), Double.longBitsToDouble(u[i])));
                }
            } else {
                for (int m = mask; m != 0; m &= m - 1) {
                    int i = Integer.numberOfTrailingZeros(m);
                    z[i] = bits(OP.apply(Double.longBitsToDouble(x[i]), Double.longBitsToDouble(y[i]), Double.longBitsToDouble(u[i])));
                }
            }
            return next;
        }
    }
}
