package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code out = f(a)}; the template of {@link Specialized} copies. The remainder has a method of its own, so that the method of the loop stays small
 * for the JIT.
 */
final class UnaryLoop implements ElementwiseLoop {
    private static final Function FUNCTION = Specialized.function(MethodHandles.lookup(), Function.class);
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** The function, on vectors. */
    @FunctionalInterface
    interface Function {
        /**
         * Computes some results.
         *
         * @param a the operand
         * @return the result by lane
         */
        FloatVector apply(FloatVector a);
    }

    UnaryLoop() {}

    static ElementwiseLoop of(Function function) {
        return Specialized.instance(UnaryLoop.class, ElementwiseLoop.class, function);
    }

    @Override
    public void run(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, int count) {
        int whole = SPECIES.loopBound(count);
        loop(a, aAt, out, outAt, whole);
        if (whole < count) {
            remainder(a, aAt + 4L * whole, out, outAt + 4L * whole, count - whole);
        }
    }

    private static void loop(MemorySegment a, long aAt, MemorySegment out, long outAt, int count) {
        a = NativeView.of(a);
        out = NativeView.of(out);
        for (int i = 0; i < count; i += SPECIES.length()) {
            FUNCTION.apply(FloatVector.fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER)).intoMemorySegment(out, outAt + 4L * i, ORDER);
        }
    }

    private static void remainder(MemorySegment a, long aAt, MemorySegment out, long outAt, int count) {
        VectorMask<Float> mask = SPECIES.indexInRange(0, count);
        FUNCTION.apply(FloatVector.fromMemorySegment(SPECIES, a, aAt, ORDER, mask)).intoMemorySegment(out, outAt, ORDER, mask);
    }
}
