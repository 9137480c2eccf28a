package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The loop of {@link ContiguousReduction}; the template of {@link Specialized} copies. */
final class ContiguousReductionLoop implements ContiguousReduction {
    private static final Form FORM = Specialized.function(MethodHandles.lookup(), Form.class);
    private static final Step STEP = FORM.step();
    private static final ScalarStep SCALAR_STEP = FORM.scalarStep();
    private static final Combine COMBINE = FORM.combine();
    private static final float IDENTITY = FORM.identity();
    private static final boolean VECTOR_TAIL = FORM.vectorTail();
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final int BYTES = LANES * Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    ContiguousReductionLoop() {}

    @Override
    public float of(MemorySegment segment, long first, int count, float parameter) {
        MemorySegment x = NativeView.of(segment, first, count);
        FloatVector accumulator0 = FloatVector.broadcast(SPECIES, IDENTITY);
        FloatVector accumulator1 = accumulator0;
        FloatVector accumulator2 = accumulator0;
        FloatVector accumulator3 = accumulator0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            long p = 4L * i;
            FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, x, p + BYTES, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, x, p + 2 * BYTES, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, x, p + 3 * BYTES, ORDER);
            accumulator0 = STEP.apply(accumulator0, x0, parameter);
            accumulator1 = STEP.apply(accumulator1, x1, parameter);
            accumulator2 = STEP.apply(accumulator2, x2, parameter);
            accumulator3 = STEP.apply(accumulator3, x3, parameter);
        }
        for (; VECTOR_TAIL && i <= count - LANES; i += LANES) {
            accumulator0 = STEP.apply(accumulator0, FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER), parameter);
        }
        FloatVector result = COMBINE.apply(COMBINE.apply(accumulator0, accumulator1), COMBINE.apply(accumulator2, accumulator3));
        if (LANES >= 16) {
            result = COMBINE.apply(result, result.rearrange(VectorMath.FOLD_8));
        }
        if (LANES >= 8) {
            result = COMBINE.apply(result, result.rearrange(VectorMath.FOLD_4));
        }
        if (LANES >= 4) {
            result = COMBINE.apply(result, result.rearrange(VectorMath.FOLD_2));
        }
        result = COMBINE.apply(result, result.rearrange(VectorMath.FOLD_1));
        float rest = result.lane(0);
        for (; i < count; i++) {
            float value = x.get(JAVA_FLOAT, 4L * i);
            rest = SCALAR_STEP.apply(rest, value, parameter);
        }
        return rest;
    }
}
