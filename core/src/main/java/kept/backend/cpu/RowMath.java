package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops over neighbouring f32 that softmax, losses and gates are made of. Operands are segments that begin with the elements concerned; a loop
 * may write where it reads.
 *
 * <p>Every loop is a method that takes and gives memory and scalars. None hands a vector to another method: the compiler stops inlining after so many
 * bytecodes, and a vector that crosses a call then lives on the heap, which costs a factor of a hundred. That is why the exponential is written out
 * here once more, with the bits of {@link VectorMath#exp(float)}.
 *
 * <p>Why slices and no offsets: with a position that starts from zero the compiler takes the bounds checks out of the loop whatever kinds of
 * memory it has met before; with an offset it sometimes leaves them in, which costs a factor of four.
 */
final class RowMath {
    /** The elements that passes with scratch memory work on at a time: several such blocks fit the first-level cache. */
    static final int BLOCK = 1024;

    /** Below this, {@link #exp} gives zero; from here on e^x is a normal number. */
    private static final float EXP_ZERO = -87f;

    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final int BYTES = LANES * Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private RowMath() {}

    /**
     * A run of f32 by itself.
     *
     * @param memory the memory
     * @param first the first element's number in it
     * @param count how many
     * @return the elements, and nothing else
     */
    static MemorySegment slice(MemorySegment memory, long first, int count) {
        return memory.asSlice(first * Float.BYTES, (long) count * Float.BYTES);
    }

    /**
     * The largest element; NaN is passed over, for the sums that follow to find.
     *
     * @param x the memory
     * @param count how many
     * @return the maximum, minus infinity if there is none
     */
    static float max(MemorySegment x, int count) {
        x = NativeView.of(x);
        FloatVector m0 = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            long p = 4L * i;
            FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, x, p + BYTES, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, x, p + 2 * BYTES, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, x, p + 3 * BYTES, ORDER);
            m0 = m0.blend(x0, x0.compare(VectorOperators.GT, m0));
            m1 = m1.blend(x1, x1.compare(VectorOperators.GT, m1));
            m2 = m2.blend(x2, x2.compare(VectorOperators.GT, m2));
            m3 = m3.blend(x3, x3.compare(VectorOperators.GT, m3));
        }
        float max = m0.max(m1).max(m2.max(m3)).reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            float value = x.get(JAVA_FLOAT, 4L * i);
            max = value > max ? value : max;
        }
        return max;
    }

    /**
     * {@code out = e^((x - shift) factor)} for exponents up to 0; what lies below the normal numbers becomes 0.
     *
     * @param x the memory
     * @param count how many
     * @param shift at least the largest element, or infinite, which gives NaN
     * @param factor above 0
     * @param out where the results go
     * @return the sum of the results
     */
    static float exp(MemorySegment x, int count, float shift, float factor, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector e = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(shift).mul(factor);
            VectorMask<Float> zero = e.compare(VectorOperators.LT, EXP_ZERO);
            FloatVector rounded = e.fma(FloatVector.broadcast(SPECIES, VectorMath.LOG2_E), FloatVector.broadcast(SPECIES, VectorMath.ROUNDER));
            FloatVector n = rounded.sub(VectorMath.ROUNDER);
            FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -VectorMath.LN2_HIGH), e);
            r = n.fma(FloatVector.broadcast(SPECIES, -VectorMath.LN2_LOW), r);
            FloatVector p = r.fma(FloatVector.broadcast(SPECIES, VectorMath.EXP_6), FloatVector.broadcast(SPECIES, VectorMath.EXP_5));
            p = p.fma(r, FloatVector.broadcast(SPECIES, VectorMath.EXP_4));
            p = p.fma(r, FloatVector.broadcast(SPECIES, VectorMath.EXP_3));
            p = p.fma(r, FloatVector.broadcast(SPECIES, VectorMath.EXP_2));
            FloatVector mantissa = p.fma(r.mul(r), r).add(1f);
            // The low bits of rounded are n; they are added to the exponent of a number between 0.7 and 1.5.
            IntVector exponent = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
            FloatVector y = mantissa.reinterpretAsInts().add(exponent).reinterpretAsFloats();
            y = y.blend(mantissa, e.compare(VectorOperators.NE, e)).blend(0f, zero);
            y.intoMemorySegment(out, 4L * i, ORDER);
            sums = sums.add(y);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            float e = (x.get(JAVA_FLOAT, 4L * i) - shift) * factor;
            float y = e < EXP_ZERO ? 0f : VectorMath.exp(e);
            out.set(JAVA_FLOAT, 4L * i, y);
            sum += y;
        }
        return sum;
    }

    /**
     * {@link #exp} for a row of any length, added up in double precision over its blocks.
     *
     * @param x the memory
     * @param count how many
     * @param shift at least the largest element
     * @param factor above 0
     * @param out where the results go: a row that keeps them, or one block that does not
     * @return the sum of the results
     */
    static double sumExp(MemorySegment x, int count, float shift, float factor, MemorySegment out) {
        boolean keep = out.byteSize() >= (long) count * Float.BYTES;
        double sum = 0;
        for (int i = 0; i < count; i += BLOCK) {
            int length = Math.min(BLOCK, count - i);
            sum += exp(slice(x, i, length), length, shift, factor, keep ? slice(out, i, length) : out);
        }
        return sum;
    }

    /**
     * {@code out = x * factor}.
     *
     * @param x the memory
     * @param count how many
     * @param factor the factor
     * @param out where the results go
     */
    static void multiply(MemorySegment x, int count, float factor, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).mul(factor).intoMemorySegment(out, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            out.set(JAVA_FLOAT, 4L * i, x.get(JAVA_FLOAT, 4L * i) * factor);
        }
    }

    /**
     * {@code out = (x - a) - b}.
     *
     * @param x the memory
     * @param count how many
     * @param a subtracted first
     * @param b subtracted then
     * @param out where the results go
     */
    static void subtract(MemorySegment x, int count, float a, float b, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(a).sub(b).intoMemorySegment(out, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            out.set(JAVA_FLOAT, 4L * i, x.get(JAVA_FLOAT, 4L * i) - a - b);
        }
    }

    /**
     * {@code out = e^-|x|}, what stable forms of the logistic function and its relatives are made of.
     *
     * @param x the memory
     * @param count how many
     * @param out where the results go
     */
    static void expOfNegativeMagnitude(MemorySegment x, int count, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).abs().neg().intoMemorySegment(out, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            out.set(JAVA_FLOAT, 4L * i, -Math.abs(x.get(JAVA_FLOAT, 4L * i)));
        }
        exp(out, count, 0f, 1f, out);
    }
}
