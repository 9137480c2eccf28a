package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Neighbouring f32 to one number, in four vectors of partial results, so that a step need not wait for the one before. Their order is fixed: vector i
 * goes to partial result i modulo 4, these are joined as a tree, their lanes too, and the elements behind follow one by one.
 */
interface Chains {
    /** The sum. */
    Chains SUM = of(new Form((sum, x, _) -> sum.add(x), (sum, x, _) -> sum + x, FloatVector::add, 0f, true, false));
    /** The largest; NaN if there is one, minus infinity of none. */
    Chains MAXIMUM = of(new Form((max, x, _) -> max.max(x), (max, x, _) -> Math.max(max, x), FloatVector::max, Float.NEGATIVE_INFINITY, true,
            false));
    /** The smallest; NaN if there is one, infinity of none. */
    Chains MINIMUM = of(new Form((min, x, _) -> min.min(x), (min, x, _) -> Math.min(min, x), FloatVector::min, Float.POSITIVE_INFINITY, true,
            false));
    /** The largest, NaN passed over; minus infinity of none. */
    Chains LARGEST = of(new Form((max, x, _) -> max.blend(x, x.compare(VectorOperators.GT, max)), (max, x, _) -> x > max ? x : max, FloatVector::max,
            Float.NEGATIVE_INFINITY, true, false));
    /** The sum of a row, which is copied on the way. */
    Chains SUM_OF_ROW = of(new Form((sum, x, _) -> sum.add(x), (sum, x, _) -> sum + x, FloatVector::add, 0f, false, true));
    /** The sum of the squares of a row, which is copied on the way. */
    Chains SQUARES_OF_ROW = of(new Form((sum, x, _) -> x.fma(x, sum), (sum, x, _) -> Math.fma(x, x, sum), FloatVector::add, 0f, false, true));
    /** The sum of {@code (x - parameter)^2} of a row. */
    Chains DEVIATIONS_OF_ROW = of(new Form((sum, x, mean) -> {
        FloatVector d = x.sub(mean);
        return d.fma(d, sum);
    }, (sum, x, mean) -> Math.fma(x - mean, x - mean, sum), FloatVector::add, 0f, false, false));

    /** What is done with an element. */
    @FunctionalInterface
    interface Step {
        /**
         * Takes some elements.
         *
         * @param partial the result so far
         * @param x the elements
         * @param parameter a number for all
         * @return the new result
         */
        FloatVector apply(FloatVector partial, FloatVector x, float parameter);
    }

    /** The same with one element. */
    @FunctionalInterface
    interface Single {
        /**
         * Takes an element.
         *
         * @param partial the result so far
         * @param x the element
         * @param parameter a number for all
         * @return the new result
         */
        float apply(float partial, float x, float parameter);
    }

    /** How two partial results become one. */
    @FunctionalInterface
    interface Join {
        /**
         * Joins partial results.
         *
         * @param a one
         * @param b the other
         * @return both as one
         */
        FloatVector apply(FloatVector a, FloatVector b);
    }

    /**
     * What is computed.
     *
     * @param step what is done with an element
     * @param single the same with one element
     * @param join how partial results become one
     * @param start a partial result of nothing
     * @param whole whether vectors behind the last four go to the first partial result, or their elements one by one
     * @param copies whether elements are copied on the way
     */
    record Form(Step step, Single single, Join join, float start, boolean whole, boolean copies) {}

    private static Chains of(Form form) {
        return Specialized.instance(ChainsLoop.class, Chains.class, form);
    }

    /**
     * Computes the number.
     *
     * @param x the memory
     * @param first the first element's number in it
     * @param count how many
     * @param parameter the step's number
     * @param out takes the copies; x where there are none
     * @param outFirst the first one's number in it
     * @return the result
     */
    float of(MemorySegment x, long first, int count, float parameter, MemorySegment out, long outFirst);

    /**
     * Computes a number that needs neither parameter nor copies.
     *
     * @param x the memory
     * @param at the first element's byte
     * @param count how many
     * @return the result
     */
    default float of(MemorySegment x, long at, int count) {
        return of(x, at / Float.BYTES, count, 0f, x, at / Float.BYTES);
    }
}
