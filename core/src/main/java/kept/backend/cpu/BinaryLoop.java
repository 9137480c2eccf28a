package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** {@code out = f(a, b)}; the template of {@link Specialized} copies, built like {@link UnaryLoop}. */
final class BinaryLoop implements ElementwiseLoop {
    private static final Function FUNCTION = Specialized.function(MethodHandles.lookup(), Function.class);
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** The function, on vectors. */
    @FunctionalInterface
    interface Function {
        /**
         * Computes some results.
         *
         * @param a one operand
         * @param b the other
         * @return the result by lane
         */
        FloatVector apply(FloatVector a, FloatVector b);
    }

    BinaryLoop() {}

    static ElementwiseLoop of(Function function) {
        return Specialized.instance(BinaryLoop.class, ElementwiseLoop.class, function);
    }

    @Override
    public void run(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, int count) {
        int whole = SPECIES.loopBound(count);
        loop(a, aAt, b, bAt, out, outAt, whole);
        if (whole < count) {
            remainder(a, aAt + 4L * whole, b, bAt + 4L * whole, out, outAt + 4L * whole, count - whole);
        }
    }

    private static void loop(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, int count) {
        a = NativeView.of(a);
        b = NativeView.of(b);
        out = NativeView.of(out);
        for (int i = 0; i < count; i += SPECIES.length()) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, a, aAt + 4L * i, ORDER);
            FloatVector y = FloatVector.fromMemorySegment(SPECIES, b, bAt + 4L * i, ORDER);
            FUNCTION.apply(x, y).intoMemorySegment(out, outAt + 4L * i, ORDER);
        }
    }

    private static void remainder(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, int count) {
        VectorMask<Float> mask = SPECIES.indexInRange(0, count);
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, a, aAt, ORDER, mask);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, b, bAt, ORDER, mask);
        FUNCTION.apply(x, y).intoMemorySegment(out, outAt, ORDER, mask);
    }
}
