package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Elements limited to a range, in one pass: floating operands as vectors of f32, F64 and integers one by one. */
final class ClampKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private ClampKernel() {}

    /**
     * {@link kept.backend.Backend#clamp}.
     *
     * @param x the operand
     * @param low the smallest result; minus infinity for none
     * @param high the largest result; infinity for none
     * @param out the result
     */
    static void clamp(Tensor x, double low, double high, Tensor out) {
        if (x.dtype() == DType.F64) {
            clampDoubles(x, low, high, out);
        } else if (x.dtype().isFloating()) {
            clampFloats(x, (float) low, (float) high, out);
        } else {
            // An infinite bound becomes the smallest or largest number.
            clampIntegers(x, (long) low, (long) high, out);
        }
    }

    /** Bounds are rounded where the results are, which gives the same as rounded bounds: rounding keeps the order. */
    private static void clampFloats(Tensor x, float low, float high, Tensor out) {
        StridedIterator iterator = StridedIterator.over(out, x);
        iterator.forEachTask(() -> {
            RunWindow[] windows = iterator.windows(out, x);
            return (positions, count) -> {
                windows[0].place(positions[0]);
                windows[1].read(positions[1], count);
                clampRun(windows[1], low, high, windows[0], count);
                windows[0].write(positions[0], count);
            };
        });
    }

    private static void clampRun(RunWindow from, float low, float high, RunWindow to, int count) {
        int whole = SPECIES.loopBound(count);
        MemorySegment x = from.view(count);
        MemorySegment out = to.view(count);
        for (int i = 0; i < whole; i += SPECIES.length()) {
            FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).max(low).min(high).intoMemorySegment(out, 4L * i, ORDER);
        }
        if (whole < count) {
            clampEnd(from, low, high, to, whole, count);
        }
    }

    private static void clampEnd(RunWindow from, float low, float high, RunWindow to, int first, int count) {
        VectorMask<Float> mask = SPECIES.indexInRange(first, count);
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, from.view(count), 4L * first, ORDER, mask);
        x.max(low).min(high).intoMemorySegment(to.view(count), 4L * first, ORDER, mask);
    }

    private static void clampDoubles(Tensor x, double low, double high, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, x);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                double value = source.getAtIndex(JAVA_DOUBLE, p[1] + i * iterator.stride(1));
                target.setAtIndex(JAVA_DOUBLE, p[0] + i * iterator.stride(0), Math.min(Math.max(value, low), high));
            }
        });
    }

    private static void clampIntegers(Tensor x, long low, long high, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        StridedIterator iterator = StridedIterator.over(out, x);
        iterator.forEach((p, count) -> {
            for (int i = 0; i < count; i++) {
                long value = Elements.getLong(source, x.dtype(), p[1] + i * iterator.stride(1));
                Elements.setLong(target, out.dtype(), p[0] + i * iterator.stride(0), Math.clamp(value, low, high));
            }
        });
    }
}
