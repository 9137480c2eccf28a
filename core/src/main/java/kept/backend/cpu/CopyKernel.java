package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Fills, copies and conversions. */
final class CopyKernel {
    private static final VectorSpecies<Long> WORDS = VectorMath.SPECIES.withLanes(long.class);

    private CopyKernel() {}

    /**
     * Sets every element.
     *
     * @param out the tensor
     * @param value the value
     */
    static void fill(Tensor out, double value) {
        if (out.elementCount() == 0) {
            return;
        }
        MemorySegment target = Elements.segment(out);
        DType dtype = out.dtype();
        if (dtype.arithmetic() == DType.F32) {
            Elements.setFloat(target, dtype, out.offset(), (float) value);
        } else {
            Elements.setDouble(target, dtype, out.offset(), value);
        }
        int bytes = dtype.bytes();
        long element = bits(target, out.offset(), bytes);
        StridedIterator iterator = StridedIterator.over(out);
        iterator.forEach((positions, count) -> repeat(element, target, positions[0], iterator.stride(0), bytes, count));
    }

    private static long bits(MemorySegment from, long position, int bytes) {
        return switch (bytes) {
            case 1 -> from.get(JAVA_BYTE, position);
            case 2 -> from.getAtIndex(JAVA_SHORT, position);
            case 4 -> from.getAtIndex(JAVA_INT, position);
            default -> from.getAtIndex(JAVA_LONG, position);
        };
    }

    /** Writes the lowest bytes of an element to evenly spaced positions. */
    private static void repeat(long element, MemorySegment to, long first, long step, int bytes, int count) {
        int done = step == 1 ? repeatVectors(element, to, first, bytes, count) : 0;
        switch (bytes) {
            case 1 -> {
                for (int i = done; i < count; i++) {
                    to.set(JAVA_BYTE, first + i * step, (byte) element);
                }
            }
            case 2 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_SHORT, first + i * step, (short) element);
                }
            }
            case 4 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_INT, first + i * step, (int) element);
                }
            }
            default -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_LONG, first + i * step, element);
                }
            }
        }
    }

    /** Writes the neighbouring elements that fill whole vectors; returns their number. */
    private static int repeatVectors(long element, MemorySegment to, long first, int bytes, int count) {
        to = NativeView.of(to);
        long word = element;
        for (int bits = 8 * bytes; bits < Long.SIZE; bits *= 2) {
            word = word << bits | word & (1L << bits) - 1;
        }
        LongVector vector = LongVector.broadcast(WORDS, word);
        int lanes = WORDS.vectorByteSize() / bytes;
        int whole = count / lanes * lanes;
        for (int i = 0; i < whole; i += lanes) {
            vector.intoMemorySegment(to, (first + i) * bytes, ByteOrder.nativeOrder());
        }
        return whole;
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
