package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Runs of neighbouring f32 to one number. */
final class ReduceLoops {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private ReduceLoops() {}

    /**
     * The sum, in four vectors of partial sums so that an addition need not wait for the one before.
     *
     * @param x the memory
     * @param at the first byte
     * @param count how many
     * @return the sum in a fixed order
     */
    static float sum(MemorySegment x, long at, int count) {
        x = NativeView.of(x);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            s0 = s0.add(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
            s1 = s1.add(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + LANES), ORDER));
            s2 = s2.add(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 2 * LANES), ORDER));
            s3 = s3.add(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 3 * LANES), ORDER));
        }
        for (; i <= count - LANES; i += LANES) {
            s0 = s0.add(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
        }
        float sum = VectorMath.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < count; i++) {
            sum += x.get(JAVA_FLOAT, at + 4L * i);
        }
        return sum;
    }

    /**
     * The largest.
     *
     * @param x the memory
     * @param at the first byte
     * @param count how many
     * @return the maximum, NaN if there is one, minus infinity of none
     */
    static float max(MemorySegment x, long at, int count) {
        x = NativeView.of(x);
        FloatVector m0 = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            m0 = m0.max(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
            m1 = m1.max(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + LANES), ORDER));
            m2 = m2.max(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 2 * LANES), ORDER));
            m3 = m3.max(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 3 * LANES), ORDER));
        }
        for (; i <= count - LANES; i += LANES) {
            m0 = m0.max(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
        }
        float max = m0.max(m1).max(m2.max(m3)).reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            max = Math.max(max, x.get(JAVA_FLOAT, at + 4L * i));
        }
        return max;
    }

    /**
     * The smallest.
     *
     * @param x the memory
     * @param at the first byte
     * @param count how many
     * @return the minimum, NaN if there is one, infinity of none
     */
    static float min(MemorySegment x, long at, int count) {
        x = NativeView.of(x);
        FloatVector m0 = FloatVector.broadcast(SPECIES, Float.POSITIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            m0 = m0.min(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
            m1 = m1.min(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + LANES), ORDER));
            m2 = m2.min(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 2 * LANES), ORDER));
            m3 = m3.min(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * (i + 3 * LANES), ORDER));
        }
        for (; i <= count - LANES; i += LANES) {
            m0 = m0.min(FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER));
        }
        float min = m0.min(m1).min(m2.min(m3)).reduceLanes(VectorOperators.MIN);
        for (; i < count; i++) {
            min = Math.min(min, x.get(JAVA_FLOAT, at + 4L * i));
        }
        return min;
    }

    /**
     * Where a value first occurs.
     *
     * @param x the memory
     * @param at the first byte
     * @param count how many
     * @param value the value; NaN finds any NaN
     * @return its index
     */
    static int indexOf(MemorySegment x, long at, int count, float value) {
        for (int i = 0; i < count; i++) {
            float element = x.get(JAVA_FLOAT, at + 4L * i);
            if (element == value || element != element && value != value) {
                return i;
            }
        }
        return -1;
    }
}
