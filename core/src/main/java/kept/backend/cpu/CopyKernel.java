package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Fills, copies and conversions. */
final class CopyKernel {
    private CopyKernel() {}

    /**
     * Sets every element.
     *
     * @param out the tensor
     * @param value the value
     */
    static void fill(Tensor out, double value) {
        MemorySegment target = Elements.segment(out);
        DType dtype = out.dtype();
        int bytes = dtype.bytes();
        StridedIterator iterator = StridedIterator.over(out);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment pattern = arena.allocate((long) StridedIterator.RUN * bytes, MemoryPool.ALIGNMENT);
            for (int i = 0; i < Math.min(StridedIterator.RUN, out.elementCount()); i++) {
                if (dtype.arithmetic() == DType.F32) {
                    Elements.setFloat(pattern, dtype, i, (float) value);
                } else {
                    Elements.setDouble(pattern, dtype, i, value);
                }
            }
            iterator.forEach((positions, count) -> move(pattern, 0, 1, target, positions[0], iterator.stride(0), bytes, count));
        }
    }

    /**
     * {@code out = x}, converted.
     *
     * @param x the source
     * @param out the target
     */
    static void copy(Tensor x, Tensor out) {
        StridedIterator iterator = StridedIterator.over(out, x);
        if (x.dtype() == out.dtype()) {
            MemorySegment source = Elements.segment(x);
            MemorySegment target = Elements.segment(out);
            int bytes = x.dtype().bytes();
            iterator.forEach((positions, count) ->
                    move(source, positions[1], iterator.stride(1), target, positions[0], iterator.stride(0), bytes, count));
        } else if (DoubleLoops.apply(x, out) || out.dtype() == DType.BOOL || x.dtype().isFloating() && out.dtype() == DType.U8) {
            convertDoubles(iterator, x, out);
        } else if (x.dtype().isFloating() && out.dtype().isFloating()) {
            iterator.forEachTask(() -> {
                RunWindow[] windows = iterator.windows(out, x);
                return (positions, count) -> {
                    windows[1].read(positions[1], count);
                    windows[0].write(positions[0], count, windows[1]);
                };
            });
        } else {
            convertIntegers(iterator, x, out);
        }
    }

    /** Converts by way of f64, which represents all types but I64 exactly; an I64 other than 0 is not 0 in f64 either. */
    private static void convertDoubles(StridedIterator iterator, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        iterator.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                double value = Elements.getDouble(source, x.dtype(), positions[1] + i * iterator.stride(1));
                Elements.setDouble(target, out.dtype(), positions[0] + i * iterator.stride(0), value);
            }
        });
    }

    private static void convertIntegers(StridedIterator iterator, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        boolean saturates = x.dtype().isFloating() && out.dtype() == DType.I32;
        iterator.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long value = Elements.getLong(source, x.dtype(), positions[1] + i * iterator.stride(1));
                Elements.setLong(target, out.dtype(), positions[0] + i * iterator.stride(0), saturates ? saturated(value) : value);
            }
        });
    }

    private static long saturated(long value) {
        return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /**
     * Copies elements of equal size without conversion.
     *
     * @param from the source
     * @param first the position of the first element
     * @param step positions between neighbours
     * @param to the target
     * @param target the position of the first element there
     * @param targetStep positions between neighbours there
     * @param bytes the size of an element
     * @param count the number of elements
     */
    static void move(MemorySegment from, long first, long step, MemorySegment to, long target, long targetStep, int bytes, int count) {
        if (step == 1 && targetStep == 1) {
            MemorySegment.copy(from, first * bytes, to, target * bytes, (long) count * bytes);
            return;
        }
        switch (bytes) {
            case 1 -> {
                for (int i = 0; i < count; i++) {
                    to.set(JAVA_BYTE, target + i * targetStep, from.get(JAVA_BYTE, first + i * step));
                }
            }
            case 2 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_SHORT, target + i * targetStep, from.getAtIndex(JAVA_SHORT, first + i * step));
                }
            }
            case 4 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_INT, target + i * targetStep, from.getAtIndex(JAVA_INT, first + i * step));
                }
            }
            default -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_LONG, target + i * targetStep, from.getAtIndex(JAVA_LONG, first + i * step));
                }
            }
        }
    }
}
