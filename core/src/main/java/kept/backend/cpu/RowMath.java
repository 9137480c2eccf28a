package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loops over contiguous f32 for softmax, losses and gates. Operands are segments that begin with the loop's elements; a loop may overwrite its
 * operand.
 *
 * <p>Every loop is a method whose parameters and results are memory and scalars, and calls {@link VectorMath} with a vector at most once: the JIT
 * stops inlining at a size of bytecode, and a vector that is passed to a call then lives on the heap, which is a hundred times slower.
 *
 * <p>Operands are slices without offsets: with an index that starts from zero the JIT moves the bounds checks out of the loop for any kinds of
 * memory; with an offset it sometimes leaves them in, which is four times slower.
 *
 * <p>Loops that only map elements end with one masked vector instead of a second loop. It is in a method of its own: in the method of the loop, or in
 * a helper with a mask that may be null, the JIT puts the loop's vectors on the heap. Loops that also sum add the elements after the last whole
 * vector one by one: a mask would add them to the lanes, and the sum would round differently.
 */
final class RowMath {
    /** The number of elements of a block of scratch memory: several blocks fit the first-level cache. */
    static final int BLOCK = 1024;

    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** The distance of the elements that {@link #fetch} reads: a cache line of most processors. */
    private static final int LINE = 64 / Float.BYTES;

    /** Receives what {@link #fetch} has read; nothing reads it, but without it the JIT would remove the loop. */
    private static volatile int fetched;

    private RowMath() {}

    /**
     * A slice of f32.
     *
     * @param memory the memory
     * @param first the index of the first element in it
     * @param count the number of elements
     * @return exactly these elements
     */
    static MemorySegment slice(MemorySegment memory, long first, int count) {
        return memory.asSlice(first * Float.BYTES, (long) count * Float.BYTES);
    }

    /**
     * Brings a row from memory into the second-level cache, for a loop with much arithmetic that reads it next. Such a loop waits for memory: its
     * instructions leave room for few loads in flight, and Java has no instruction that prefetches. This loop has room for many.
     *
     * @param x the memory
     * @param count the number of elements
     */
    static void fetch(MemorySegment x, int count) {
        x = NativeView.of(x);
        int sum = 0;
        for (int i = 0; i < count; i += LINE) {
            sum += x.get(JAVA_INT, 4L * i);
        }
        fetched = sum;
    }

    /**
     * {@code out = e^((x - shift) factor)} for exponents up to 0; results below the normal numbers become 0.
     *
     * @param x the memory
     * @param count the number of elements
     * @param shift at least the largest element, or infinite, which gives NaN
     * @param factor above 0
     * @param out receives the results
     * @return the sum of the results
     */
    static float exp(MemorySegment x, int count, float shift, float factor, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector y = VectorMath.expNonPositive(FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(shift).mul(factor));
            y.intoMemorySegment(out, 4L * i, ORDER);
            sums = sums.add(y);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            float y = VectorMath.expNonPositive((x.get(JAVA_FLOAT, 4L * i) - shift) * factor);
            out.set(JAVA_FLOAT, 4L * i, y);
            sum += y;
        }
        return sum;
    }

    /**
     * {@link #exp} for a shift that may be a little below the maximum, which is computed at the same time.
     *
     * @param x the memory
     * @param count the number of elements
     * @param shift not far below the largest element, or infinite, which gives NaN
     * @param factor above 0
     * @param out receives the results
     * @param results receives the sum of the results and the maximum, which ignores NaN
     */
    static void exp(MemorySegment x, int count, float shift, float factor, MemorySegment out, float[] results) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        FloatVector sums = FloatVector.zero(SPECIES);
        FloatVector maxima = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector value = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER);
            FloatVector y = VectorMath.expNonPositive(value.sub(shift).mul(factor));
            maxima = maxima.blend(value, value.compare(VectorOperators.GT, maxima));
            y.intoMemorySegment(out, 4L * i, ORDER);
            sums = sums.add(y);
        }
        float sum = VectorMath.sum(sums);
        float max = maxima.reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            float value = x.get(JAVA_FLOAT, 4L * i);
            float y = VectorMath.expNonPositive((value - shift) * factor);
            max = value > max ? value : max;
            out.set(JAVA_FLOAT, 4L * i, y);
            sum += y;
        }
        results[0] = sum;
        results[1] = max;
    }

    /**
     * The sum of {@code e^((x - shift) factor)} over a row of any length, in double precision over its blocks.
     *
     * @param x the memory
     * @param count the number of elements
     * @param shift at least the largest element
     * @param factor above 0
     * @param scratch room for a block
     * @return the sum
     */
    static double sumExp(MemorySegment x, int count, float shift, float factor, MemorySegment scratch) {
        double sum = 0;
        for (int i = 0; i < count; i += BLOCK) {
            int length = Math.min(BLOCK, count - i);
            sum += exp(slice(x, i, length), length, shift, factor, scratch);
        }
        return sum;
    }

    /**
     * {@code out = x * factor}.
     *
     * @param x the memory
     * @param count the number of elements
     * @param factor the factor
     * @param out receives the results
     */
    static void multiply(MemorySegment x, int count, float factor, MemorySegment out) {
        int whole = SPECIES.loopBound(count);
        multiplyWhole(x, whole, factor, out);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            long at = 4L * whole;
            FloatVector.fromMemorySegment(SPECIES, x, at, ORDER, mask).mul(factor).intoMemorySegment(out, at, ORDER, mask);
        }
    }

    private static void multiplyWhole(MemorySegment x, int count, float factor, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).mul(factor).intoMemorySegment(out, 4L * i, ORDER);
        }
    }

    /**
     * {@code out = (x - a) - b}.
     *
     * @param x the memory
     * @param count the number of elements
     * @param a subtracted first
     * @param b subtracted then
     * @param out receives the results
     */
    static void subtract(MemorySegment x, int count, float a, float b, MemorySegment out) {
        int whole = SPECIES.loopBound(count);
        subtractWhole(x, whole, a, b, out);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            long at = 4L * whole;
            FloatVector.fromMemorySegment(SPECIES, x, at, ORDER, mask).sub(a).sub(b).intoMemorySegment(out, at, ORDER, mask);
        }
    }

    private static void subtractWhole(MemorySegment x, int count, float a, float b, MemorySegment out) {
        x = NativeView.of(x);
        out = NativeView.of(out);
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(a).sub(b).intoMemorySegment(out, 4L * i, ORDER);
        }
    }
}
