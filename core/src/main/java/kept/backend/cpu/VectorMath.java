package kept.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Elementary functions on vectors of f32, each with a scalar counterpart that has the same bits.
 *
 * <p>The Vector API's own EXP, LOG and TANH come from a native library in compiled code and from {@code Math} in the interpreter, with different
 * bits; the order of its {@code reduceLanes(ADD)} is unspecified. A result here depends on neither: every function is a fixed sequence of correctly
 * rounded operations (add, multiply, fma, divide), and {@link #sum} adds lanes as a fixed tree. The polynomials are minimax fits with coefficients
 * rounded to f32 one after another; errors against the real function are below 2 units in the last place.
 *
 * <p>NaN gives NaN, the infinities give the limits, and results below the normal range are subnormal.
 */
final class VectorMath {
    /** The vectors of all kernels: the widest that the machine has. */
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    /** Lanes of a vector. */
    static final int LANES = SPECIES.length();

    private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

    /** Rotates lanes: lane i gets lane i + 8. {@link #sum} and similar functions combine halves with these. */
    static final VectorShuffle<Float> FOLD_8 = fold(8);
    static final VectorShuffle<Float> FOLD_4 = fold(4);
    static final VectorShuffle<Float> FOLD_2 = fold(2);
    static final VectorShuffle<Float> FOLD_1 = fold(1);

    static final float LOG2_E = 1.44269504f;
    /** ln 2 = LN2_HIGH + LN2_LOW; n * LN2_HIGH is exact for the n that occur. */
    private static final float LN2_HIGH = 0x1.62e4p-1f;
    private static final float LN2_LOW = 0x1.7f7d1cp-20f;
    static final float LN2 = 0.693147181f;
    /** Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits. */
    static final float ROUNDER = 0x1.8p23f;
    private static final int ROUNDER_BITS = 0x4b400000;
    /** As {@link #ROUNDER}, but the low bits are the integer plus the exponent's bias. */
    private static final float BIASED_ROUNDER = ROUNDER + 127;
    /** Beyond these exp is infinite, or rounds to zero. */
    private static final float EXP_HIGH = 89f;
    private static final float EXP_LOW = -104f;
    /** Below this {@link #expNonPositive} gives zero; from here on e^x is a normal number. */
    private static final float DECAY_ZERO = -87f;

    private static final float EXP_2 = 4.999999404e-01f;
    private static final float EXP_3 = 1.666652113e-01f;
    private static final float EXP_4 = 4.166827351e-02f;
    private static final float EXP_5 = 8.368685842e-03f;
    private static final float EXP_6 = 1.382013550e-03f;

    /** The bits of the smallest mantissa taken, just above 2/3. */
    private static final int LOG_FIRST = 0x3f2aaaab;
    private static final float LOG_3 = 3.333321512e-01f;
    private static final float LOG_4 = -2.499980330e-01f;
    private static final float LOG_5 = 2.001044750e-01f;
    private static final float LOG_6 = -1.668024510e-01f;
    private static final float LOG_7 = 1.400526166e-01f;
    private static final float LOG_8 = -1.218747869e-01f;
    private static final float LOG_9 = 1.398720443e-01f;
    private static final float LOG_10 = -1.287819892e-01f;

    private static final float TANH_SMALL = 0.625f;
    private static final float TANH_3 = -3.333327770e-01f;
    private static final float TANH_5 = 1.333132386e-01f;
    private static final float TANH_7 = -5.372953042e-02f;
    private static final float TANH_9 = 2.060487121e-02f;
    private static final float TANH_11 = -5.665713921e-03f;

    private static final float ERF_1 = 1.283791661e-01f;
    private static final float ERF_3 = -3.761262596e-01f;
    private static final float ERF_5 = 1.128357872e-01f;
    private static final float ERF_7 = -2.685334720e-02f;
    private static final float ERF_9 = 5.187162198e-03f;
    private static final float ERF_11 = -7.997853099e-04f;
    private static final float ERF_13 = 7.806903886e-05f;
    /** From here on erf rounds to 1. */
    private static final float ERF_ONE = 4f;
    private static final float ERFC_0 = 3.205745015e-04f;
    private static final float ERFC_1 = 1.127171636e+00f;
    private static final float ERFC_2 = 6.380122900e-01f;
    private static final float ERFC_3 = 1.032180637e-01f;
    private static final float ERFC_4 = -2.188952081e-02f;
    private static final float ERFC_5 = 2.960064448e-03f;
    private static final float ERFC_6 = -1.875971211e-04f;

    private VectorMath() { }

    /**
     * e^x = 2^n e^r with n = round(x / ln 2) and |r| at most ln(2) / 2, e^r by a polynomial of degree 6.
     * The factor 2^n is applied in two halves, so that n may exceed the exponent's range and results may be subnormal.
     *
     * @param x the exponents
     * @return e^x by lane
     */
    static FloatVector exp(FloatVector x) {
        FloatVector c = x.blend(EXP_HIGH, x.compare(VectorOperators.GT, EXP_HIGH)).blend(EXP_LOW, x.compare(VectorOperators.LT, EXP_LOW));
        FloatVector rounded = fma(c, LOG2_E, ROUNDER);
        FloatVector n = rounded.sub(ROUNDER);
        FloatVector r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, c));
        FloatVector p = fma(fma(fma(fma(broadcast(EXP_6), r, EXP_5), r, EXP_4), r, EXP_3), r, EXP_2);
        FloatVector y = fma(fma(p, r, 1f), r, 1f);
        IntVector power = rounded.reinterpretAsInts().sub(ROUNDER_BITS);
        IntVector half = power.lanewise(VectorOperators.ASHR, 1);
        return y.mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half)));
    }

    /**
     * The scalar form of {@link #exp(FloatVector)}.
     *
     * @param x the exponent
     * @return e^x
     */
    static float exp(float x) {
        float c = x > EXP_HIGH ? EXP_HIGH : x < EXP_LOW ? EXP_LOW : x;
        float rounded = Math.fma(c, LOG2_E, ROUNDER);
        float n = rounded - ROUNDER;
        float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, c));
        float p = Math.fma(Math.fma(Math.fma(Math.fma(EXP_6, r, EXP_5), r, EXP_4), r, EXP_3), r, EXP_2);
        float y = Math.fma(Math.fma(p, r, 1f), r, 1f);
        int power = Float.floatToRawIntBits(rounded) - ROUNDER_BITS;
        int half = power >> 1;
        return y * powerOfTwo(half) * powerOfTwo(power - half);
    }

    /**
     * e^x for x up to 0, with the bits of {@link #exp(FloatVector)} and half of its work; results below the normal numbers become 0.
     *
     * @param x the exponents
     * @return e^x by lane
     */
    static FloatVector expNonPositive(FloatVector x) {
        FloatVector rounded = fma(x, LOG2_E, BIASED_ROUNDER);
        FloatVector n = rounded.sub(BIASED_ROUNDER);
        FloatVector r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x));
        FloatVector p = fma(fma(fma(fma(broadcast(EXP_6), r, EXP_5), r, EXP_4), r, EXP_3), r, EXP_2);
        FloatVector y = fma(fma(p, r, 1f), r, 1f);
        FloatVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
        return y.mul(power).blend(0f, x.compare(VectorOperators.LT, DECAY_ZERO));
    }

    /**
     * The scalar form of {@link #expNonPositive(FloatVector)}.
     *
     * @param x the exponent
     * @return e^x
     */
    static float expNonPositive(float x) {
        return x < DECAY_ZERO ? 0f : exp(x);
    }

    /**
     * ln x = e ln 2 + ln(1 + f) with x = 2^e (1 + f), f in [-1/3, 1/3), and ln(1 + f) = f - f^2 / 2 + f^3 P(f).
     *
     * @param x the arguments
     * @return ln x by lane: minus infinity for zeros, NaN below zero
     */
    static FloatVector log(FloatVector x) {
        VectorMask<Float> subnormal = x.compare(VectorOperators.LT, Float.MIN_NORMAL);
        IntVector bits = x.blend(x.mul(0x1p23f), subnormal).reinterpretAsInts();
        IntVector exponent = bits.sub(LOG_FIRST).lanewise(VectorOperators.ASHR, 23);
        FloatVector f = bits.sub(exponent.lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats().sub(1f);
        FloatVector e = (FloatVector) exponent.convert(VectorOperators.I2F, 0);
        e = e.blend(e.sub(23f), subnormal);
        FloatVector y = fma(e, LN2, logOnePlus(f));
        y = y.blend(x, x.compare(VectorOperators.EQ, Float.POSITIVE_INFINITY));
        y = y.blend(Float.NEGATIVE_INFINITY, x.compare(VectorOperators.EQ, 0f));
        return y.blend(Float.NaN, x.compare(VectorOperators.GE, 0f).not());
    }

    private static FloatVector logOnePlus(FloatVector f) {
        FloatVector p = fma(fma(fma(fma(broadcast(LOG_10), f, LOG_9), f, LOG_8), f, LOG_7), f, LOG_6);
        p = fma(fma(fma(p, f, LOG_5), f, LOG_4), f, LOG_3);
        FloatVector square = f.mul(f);
        return fma(square, -0.5f, square.mul(f).mul(p)).add(f);
    }

    /**
     * The scalar form of {@link #log(FloatVector)}.
     *
     * @param x the argument
     * @return ln x: minus infinity for zero, NaN below zero
     */
    static float log(float x) {
        if (!(x >= 0f)) {
            return Float.NaN;
        }
        if (x == 0f || x == Float.POSITIVE_INFINITY) {
            return x == 0f ? Float.NEGATIVE_INFINITY : x;
        }
        boolean subnormal = x < Float.MIN_NORMAL;
        int bits = Float.floatToRawIntBits(subnormal ? x * 0x1p23f : x);
        int exponent = bits - LOG_FIRST >> 23;
        float f = Float.intBitsToFloat(bits - (exponent << 23)) - 1f;
        float e = subnormal ? exponent - 23f : exponent;
        float p = Math.fma(Math.fma(Math.fma(Math.fma(LOG_10, f, LOG_9), f, LOG_8), f, LOG_7), f, LOG_6);
        p = Math.fma(Math.fma(Math.fma(p, f, LOG_5), f, LOG_4), f, LOG_3);
        float square = f * f;
        return Math.fma(e, LN2, Math.fma(square, -0.5f, square * f * p) + f);
    }

    /**
     * tanh x: x + x^3 P(x^2) near zero, 1 - 2 / (e^(2x) + 1) elsewhere.
     *
     * @param x the arguments
     * @return tanh x by lane
     */
    static FloatVector tanh(FloatVector x) {
        FloatVector a = x.abs();
        FloatVector square = a.mul(a);
        FloatVector p = fma(fma(fma(fma(broadcast(TANH_11), square, TANH_9), square, TANH_7), square, TANH_5), square, TANH_3);
        FloatVector small = p.fma(square.mul(a), a);
        FloatVector large = broadcast(1f).sub(broadcast(2f).div(exp(a.add(a)).add(1f)));
        return withSignOf(x, large.blend(small, a.compare(VectorOperators.LT, TANH_SMALL)));
    }

    /**
     * The scalar form of {@link #tanh(FloatVector)}.
     *
     * @param x the argument
     * @return tanh x
     */
    static float tanh(float x) {
        float a = Math.abs(x);
        if (!(a < TANH_SMALL)) {
            return Math.copySign(1f - 2f / (exp(a + a) + 1f), x);
        }
        float square = a * a;
        float p = Math.fma(Math.fma(Math.fma(Math.fma(TANH_11, square, TANH_9), square, TANH_7), square, TANH_5), square, TANH_3);
        return Math.copySign(Math.fma(p, square * a, a), x);
    }

    /**
     * The logistic function 1 / (1 + e^-x), computed from e^-|x| so that it loses no digits on either side.
     *
     * @param x the arguments
     * @return the logistic function by lane, in [0, 1]
     */
    static FloatVector sigmoid(FloatVector x) {
        FloatVector z = exp(x.abs().neg());
        return broadcast(1f).blend(z, x.compare(VectorOperators.LT, 0f)).div(z.add(1f));
    }

    /**
     * The scalar form of {@link #sigmoid(FloatVector)}.
     *
     * @param x the argument
     * @return the logistic function of x
     */
    static float sigmoid(float x) {
        float z = exp(-Math.abs(x));
        return (x < 0f ? z : 1f) / (z + 1f);
    }

    /**
     * The error function: x + x P(x^2) up to 1, 1 - e^-Q(|x|) elsewhere.
     *
     * @param x the arguments
     * @return erf x by lane, in [-1, 1]
     */
    static FloatVector erf(FloatVector x) {
        FloatVector a = x.abs();
        a = a.blend(ERF_ONE, a.compare(VectorOperators.GT, ERF_ONE));
        FloatVector square = a.mul(a);
        FloatVector p = fma(fma(fma(broadcast(ERF_13), square, ERF_11), square, ERF_9), square, ERF_7);
        p = fma(fma(fma(p, square, ERF_5), square, ERF_3), square, ERF_1);
        FloatVector q = fma(fma(fma(broadcast(ERFC_6), a, ERFC_5), a, ERFC_4), a, ERFC_3);
        q = fma(fma(fma(q, a, ERFC_2), a, ERFC_1), a, ERFC_0);
        FloatVector large = broadcast(1f).sub(exp(q.neg()));
        return withSignOf(x, large.blend(p.fma(a, a), a.compare(VectorOperators.LT, 1f)));
    }

    /**
     * The scalar form of {@link #erf(FloatVector)}.
     *
     * @param x the argument
     * @return erf x
     */
    static float erf(float x) {
        float a = Math.abs(x) > ERF_ONE ? ERF_ONE : Math.abs(x);
        if (!(a < 1f)) {
            float q = Math.fma(Math.fma(Math.fma(ERFC_6, a, ERFC_5), a, ERFC_4), a, ERFC_3);
            q = Math.fma(Math.fma(Math.fma(q, a, ERFC_2), a, ERFC_1), a, ERFC_0);
            return Math.copySign(1f - exp(-q), x);
        }
        float square = a * a;
        float p = Math.fma(Math.fma(Math.fma(ERF_13, square, ERF_11), square, ERF_9), square, ERF_7);
        p = Math.fma(Math.fma(Math.fma(p, square, ERF_5), square, ERF_3), square, ERF_1);
        return Math.copySign(Math.fma(p, a, a), x);
    }

    /**
     * The sum of a vector's lanes, as a fixed tree: the upper half is added to the lower until one lane is left.
     *
     * @param v the lanes
     * @return their sum
     */
    static float sum(FloatVector v) {
        FloatVector s = v;
        if (LANES >= 16) {
            s = s.add(s.rearrange(FOLD_8));
        }
        if (LANES >= 8) {
            s = s.add(s.rearrange(FOLD_4));
        }
        if (LANES >= 4) {
            s = s.add(s.rearrange(FOLD_2));
        }
        return s.add(s.rearrange(FOLD_1)).lane(0);
    }

    /**
     * The largest lane; NaN if a lane is NaN.
     *
     * @param v the lanes
     * @return their maximum, which unlike a sum has no order
     */
    static float max(FloatVector v) {
        return v.reduceLanes(VectorOperators.MAX);
    }

    /** 2^n, made from the exponent's bits, for n in [-126, 127]. */
    private static FloatVector powerOfTwo(IntVector n) {
        return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    private static float powerOfTwo(int n) {
        return Float.intBitsToFloat(n + 127 << 23);
    }

    private static FloatVector withSignOf(FloatVector sign, FloatVector magnitude) {
        IntVector bit = sign.reinterpretAsInts().and(IntVector.broadcast(INTS, Integer.MIN_VALUE));
        return magnitude.reinterpretAsInts().or(bit).reinterpretAsFloats();
    }

    private static FloatVector broadcast(float value) {
        return FloatVector.broadcast(SPECIES, value);
    }

    private static FloatVector fma(FloatVector a, FloatVector b, float c) {
        return a.fma(b, FloatVector.broadcast(SPECIES, c));
    }

    private static FloatVector fma(FloatVector a, float b, float c) {
        return a.fma(FloatVector.broadcast(SPECIES, b), FloatVector.broadcast(SPECIES, c));
    }

    private static FloatVector fma(FloatVector a, float b, FloatVector c) {
        return a.fma(FloatVector.broadcast(SPECIES, b), c);
    }

    /** Rotates lanes: lane i gets lane i + distance. */
    private static VectorShuffle<Float> fold(int distance) {
        return VectorShuffle.fromOp(SPECIES, i -> i + distance & SPECIES.length() - 1);
    }
}
