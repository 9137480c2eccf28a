package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * A pass whose reduction is a sum over the row, in {@code numbers[0]}, and whose finish computes each element by {@code numbers[0]} and
 * {@code numbers[1]}; the template of {@link Specialized} copies.
 *
 * <p>The order of the sum is fixed, as in {@link ContiguousReduction}: of four chains, vector i goes to chain i modulo 4; the chains are combined as
 * a tree, then their lanes; the elements behind the last four vectors follow one by one. The loop takes one vector at a time: unrolled by hand, it
 * exceeds what the JIT inlines, and its vectors are on the heap.
 */
final class RowPassLoop implements RowPass {
    private static final Form FORM = Specialized.function(MethodHandles.lookup(), Form.class);
    private static final boolean REDUCES = FORM.stage().reduces();
    private static final boolean FINISHES = FORM.stage().finishes();
    private static final boolean BIASED = FORM.arithmetic().biased();
    private static final Step STEP = FORM.arithmetic().step();
    private static final ScalarStep SCALAR_STEP = FORM.arithmetic().scalarStep();
    private static final Finish FINISH = FORM.arithmetic().finish();
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final int BYTES = LANES * Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    RowPassLoop() {}

    /** Adds elements to a sum, one in each lane. */
    @FunctionalInterface
    interface Step {
        /**
         * Adds elements.
         *
         * @param sum the sum so far
         * @param x elements of the row
         * @return the new sum
         */
        FloatVector apply(FloatVector sum, FloatVector x);
    }

    /** Adds one element, as {@link Step} does. */
    @FunctionalInterface
    interface ScalarStep {
        /**
         * Adds an element.
         *
         * @param sum the sum so far
         * @param x an element of the row
         * @return the new sum
         */
        float apply(float sum, float x);
    }

    /** Computes elements of the result. */
    @FunctionalInterface
    interface Finish {
        /**
         * Computes elements.
         *
         * @param row elements of the row
         * @param weight their weights
         * @param bias their biases
         * @param a the row's first number
         * @param b the row's second number
         * @return the results
         */
        FloatVector apply(FloatVector row, FloatVector weight, FloatVector bias, float a, float b);
    }

    /**
     * What a kernel computes.
     *
     * @param biased whether there are biases; if not, their place has the row's elements
     * @param step adds elements to the sum
     * @param scalarStep adds one element
     * @param finish computes the results
     */
    record Arithmetic(boolean biased, Step step, ScalarStep scalarStep, Finish finish) {
        /**
         * The pipeline of the kernel.
         *
         * @return its three passes
         */
        RowPipeline pipeline() {
            return new RowPipeline(stage -> Specialized.instance(RowPassLoop.class, RowPass.class, new Form(stage, this)));
        }
    }

    /**
     * The constants of a copy.
     *
     * @param stage what the copy does
     * @param arithmetic what it computes
     */
    record Form(RowPipeline.Stage stage, Arithmetic arithmetic) {}

    @Override
    public void run(Row next, Row done, Shared shared, int count) {
        Row reduced = REDUCES ? next : done;
        Row finished = FINISHES ? done : next;
        MemorySegment x = reduced.x().view(count);
        MemorySegment from = finished.x().view(count);
        MemorySegment weight = shared.weight().view(count);
        MemorySegment bias = shared.bias().view(count);
        MemorySegment out = shared.out().view(count);
        float a = finished.numbers()[0];
        float b = finished.numbers()[1];
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int whole = count / (4 * LANES) * (4 * LANES);
        for (int i = 0; i < whole; i += LANES) {
            long p = 4L * i;
            if (REDUCES) {
                // The chains take turns; after a multiple of four vectors each is in its place again.
                FloatVector sum = STEP.apply(sum0, at(x, p));
                sum0 = sum1;
                sum1 = sum2;
                sum2 = sum3;
                sum3 = sum;
            }
            if (FINISHES) {
                FloatVector values = at(from, p);
                FINISH.apply(values, at(weight, p), BIASED ? at(bias, p) : values, a, b).intoMemorySegment(out, p, ORDER);
            }
        }
        if (FINISHES) {
            finishEnd(finished, shared, whole, count);
        }
        if (REDUCES) {
            float sum = VectorMath.sum(sum0.add(sum1).add(sum2.add(sum3)));
            for (int i = whole; i < count; i++) {
                sum = SCALAR_STEP.apply(sum, x.get(JAVA_FLOAT, 4L * i));
            }
            reduced.numbers()[0] = sum;
        }
    }

    private static FloatVector at(MemorySegment memory, long bytes) {
        return FloatVector.fromMemorySegment(SPECIES, memory, bytes, ORDER);
    }

    /** The elements behind the last four vectors: in whole vectors, then with a mask. */
    private static void finishEnd(Row row, Shared shared, int first, int count) {
        for (int i = first; i < count; i += LANES) {
            VectorMask<Float> mask = SPECIES.indexInRange(i, count);
            FINISH.apply(at(row.x(), count, i, mask), at(shared.weight(), count, i, mask),
                    at(shared.bias(), count, i, mask), row.numbers()[0], row.numbers()[1])
                    .intoMemorySegment(shared.out().view(count), 4L * i, ORDER, mask);
        }
    }

    private static FloatVector at(RowWindow window, int count, int i, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, window.view(count), 4L * i, ORDER, mask);
    }
}
