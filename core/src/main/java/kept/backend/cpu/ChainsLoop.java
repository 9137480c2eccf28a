package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The loop of {@link Chains}; the template of {@link Specialized} copies. */
final class ChainsLoop implements Chains {
    private static final Form FORM = Specialized.function(MethodHandles.lookup(), Form.class);
    private static final Step STEP = FORM.step();
    private static final Single SINGLE = FORM.single();
    private static final Join JOIN = FORM.join();
    private static final float START = FORM.start();
    private static final boolean WHOLE = FORM.whole();
    private static final boolean COPIES = FORM.copies();
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final int BYTES = LANES * Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    ChainsLoop() {}

    @Override
    public float of(MemorySegment segment, long first, int count, float parameter, MemorySegment target, long targetFirst) {
        MemorySegment x = NativeView.of(segment, first, count);
        MemorySegment out = COPIES ? NativeView.of(target, targetFirst, count) : x;
        FloatVector p0 = FloatVector.broadcast(SPECIES, START);
        FloatVector p1 = p0;
        FloatVector p2 = p0;
        FloatVector p3 = p0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            long p = 4L * i;
            FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, x, p + BYTES, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, x, p + 2 * BYTES, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, x, p + 3 * BYTES, ORDER);
            if (COPIES) {
                x0.intoMemorySegment(out, p, ORDER);
                x1.intoMemorySegment(out, p + BYTES, ORDER);
                x2.intoMemorySegment(out, p + 2 * BYTES, ORDER);
                x3.intoMemorySegment(out, p + 3 * BYTES, ORDER);
            }
            p0 = STEP.apply(p0, x0, parameter);
            p1 = STEP.apply(p1, x1, parameter);
            p2 = STEP.apply(p2, x2, parameter);
            p3 = STEP.apply(p3, x3, parameter);
        }
        for (; WHOLE && i <= count - LANES; i += LANES) {
            p0 = STEP.apply(p0, FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER), parameter);
        }
        FloatVector result = JOIN.apply(JOIN.apply(p0, p1), JOIN.apply(p2, p3));
        if (LANES >= 16) {
            result = JOIN.apply(result, result.rearrange(VectorMath.FOLD_8));
        }
        if (LANES >= 8) {
            result = JOIN.apply(result, result.rearrange(VectorMath.FOLD_4));
        }
        if (LANES >= 4) {
            result = JOIN.apply(result, result.rearrange(VectorMath.FOLD_2));
        }
        result = JOIN.apply(result, result.rearrange(VectorMath.FOLD_1));
        float rest = result.lane(0);
        for (; i < count; i++) {
            float value = x.get(JAVA_FLOAT, 4L * i);
            if (COPIES) {
                out.set(JAVA_FLOAT, 4L * i, value);
            }
            rest = SINGLE.apply(rest, value, parameter);
        }
        return rest;
    }
}
