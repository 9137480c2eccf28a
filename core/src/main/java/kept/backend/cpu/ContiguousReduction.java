package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Reduces contiguous f32 elements to one number with four accumulators, so that a step need not wait for the one before. The order is fixed: vector i
 * goes to accumulator i modulo 4; the accumulators are combined as a tree, then their lanes; the elements behind the last whole vector follow one by
 * one.
 */
interface ContiguousReduction {
    /** The sum. */
    ContiguousReduction SUM = of(new Form((sum, x, _) -> sum.add(x), (sum, x, _) -> sum + x, FloatVector::add, 0f, true));
    /** The maximum; NaN if an element is NaN, minus infinity of no elements. */
    ContiguousReduction MAXIMUM = of(new Form((max, x, _) -> max.max(x), (max, x, _) -> Math.max(max, x), FloatVector::max,
            Float.NEGATIVE_INFINITY, true));
    /** The minimum; NaN if an element is NaN, infinity of no elements. */
    ContiguousReduction MINIMUM = of(new Form((min, x, _) -> min.min(x), (min, x, _) -> Math.min(min, x), FloatVector::min,
            Float.POSITIVE_INFINITY, true));
    /** The maximum of the elements that are not NaN, as IEEE 754's maximumNumber; minus infinity of none. */
    ContiguousReduction MAXIMUM_NUMBER = of(new Form((max, x, _) -> max.blend(x, x.compare(VectorOperators.GT, max)),
            (max, x, _) -> x > max ? x : max, FloatVector::max, Float.NEGATIVE_INFINITY, true));
    /** The sum of {@code (x - parameter)^2} of a row. */
    ContiguousReduction DEVIATIONS_OF_ROW = of(new Form((sum, x, mean) -> {
        FloatVector d = x.sub(mean);
        return d.fma(d, sum);
    }, (sum, x, mean) -> Math.fma(x - mean, x - mean, sum), FloatVector::add, 0f, false));

    /** Accumulates a vector of elements. */
    @FunctionalInterface
    interface Step {
        /**
         * Accumulates elements, one in each lane.
         *
         * @param accumulator the result so far
         * @param x the elements
         * @param parameter a number for all elements
         * @return the new result
         */
        FloatVector apply(FloatVector accumulator, FloatVector x, float parameter);
    }

    /** Accumulates one element, as {@link Step} does. */
    @FunctionalInterface
    interface ScalarStep {
        /**
         * Accumulates an element.
         *
         * @param accumulator the result so far
         * @param x the element
         * @param parameter a number for all elements
         * @return the new result
         */
        float apply(float accumulator, float x, float parameter);
    }

    /** Combines two accumulators. */
    @FunctionalInterface
    interface Combine {
        /**
         * Combines accumulators.
         *
         * @param a one
         * @param b the other
         * @return the result of the elements of both
         */
        FloatVector apply(FloatVector a, FloatVector b);
    }

    /**
     * A reduction's arithmetic, from which its loop is generated.
     *
     * @param step accumulates a vector of elements
     * @param scalarStep accumulates one element
     * @param combine combines two accumulators
     * @param identity the result of no elements
     * @param vectorTail whether whole vectors behind the last four go to the first accumulator; if not, their elements follow one by one
     */
    record Form(Step step, ScalarStep scalarStep, Combine combine, float identity, boolean vectorTail) {}

    private static ContiguousReduction of(Form form) {
        return Specialized.instance(ContiguousReductionLoop.class, ContiguousReduction.class, form);
    }

    /**
     * Reduces elements.
     *
     * @param x the memory
     * @param first the index of the first element in x
     * @param count the number of elements
     * @param parameter the step's number
     * @return the result
     */
    float of(MemorySegment x, long first, int count, float parameter);

    /**
     * Reduces elements, without parameter.
     *
     * @param x the memory
     * @param at the offset of the first element in bytes
     * @param count the number of elements
     * @return the result
     */
    default float of(MemorySegment x, long at, int count) {
        return of(x, at / Float.BYTES, count, 0f);
    }
}
