package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Elements set to one value, moved, and converted. */
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
        Walk walk = Walk.over(out);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment pattern = arena.allocate((long) Walk.RUN * bytes, MemoryPool.ALIGNMENT);
            for (int i = 0; i < Math.min(Walk.RUN, out.elementCount()); i++) {
                if (dtype.arithmetic() == DType.F32) {
                    Elements.setFloat(pattern, dtype, i, (float) value);
                } else {
                    Elements.setDouble(pattern, dtype, i, value);
                }
            }
            walk.forEach((positions, count) -> move(pattern, 0, 1, target, positions[0], walk.stride(0), bytes, count));
        }
    }

    /**
     * {@code out = x}, converted.
     *
     * @param x the source
     * @param out the target
     */
    static void copy(Tensor x, Tensor out) {
        Walk walk = Walk.over(out, x);
        if (x.dtype() == out.dtype()) {
            MemorySegment source = Elements.segment(x);
            MemorySegment target = Elements.segment(out);
            int bytes = x.dtype().bytes();
            walk.forEach((positions, count) -> move(source, positions[1], walk.stride(1), target, positions[0], walk.stride(0), bytes, count));
        } else if (DoubleLoops.apply(x, out) || out.dtype() == DType.BOOL || x.dtype().isFloating() && out.dtype() == DType.U8) {
            convertDoubles(walk, x, out);
        } else if (x.dtype().isFloating() && out.dtype().isFloating()) {
            walk.forEachTask(() -> {
                RunWindow[] windows = walk.windows(out, x);
                return (positions, count) -> {
                    windows[1].read(positions[1], count);
                    windows[0].write(positions[0], count, windows[1]);
                };
            });
        } else {
            convertIntegers(walk, x, out);
        }
    }

    /** By way of f64, which holds all types but I64 exactly; of that it still tells 0 from other numbers. */
    private static void convertDoubles(Walk walk, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                double value = Elements.getDouble(source, x.dtype(), positions[1] + i * walk.stride(1));
                Elements.setDouble(target, out.dtype(), positions[0] + i * walk.stride(0), value);
            }
        });
    }

    private static void convertIntegers(Walk walk, Tensor x, Tensor out) {
        MemorySegment source = Elements.segment(x);
        MemorySegment target = Elements.segment(out);
        boolean saturates = x.dtype().isFloating() && out.dtype() == DType.I32;
        walk.forEach((positions, count) -> {
            for (int i = 0; i < count; i++) {
                long value = Elements.getLong(source, x.dtype(), positions[1] + i * walk.stride(1));
                Elements.setLong(target, out.dtype(), positions[0] + i * walk.stride(0), saturates ? saturated(value) : value);
            }
        });
    }

    private static long saturated(long value) {
        return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /**
     * Moves elements of equal size as they are.
     *
     * @param from the source
     * @param first the first one's position
     * @param step positions between neighbours
     * @param to the target
     * @param target the first one's position there
     * @param targetStep positions between neighbours there
     * @param bytes the size of an element
     * @param count how many
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
