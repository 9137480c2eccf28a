package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/** Runs of elements of any type, evenly spaced, to neighbouring f32 and back. Memory is native, positions count elements, {@code at} bytes. */
final class Conversion {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);
    /** As many 16-bit lanes as {@link #SPECIES} has 32-bit ones. */
    private static final VectorSpecies<Short> HALVES = VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Conversion() {}

    /**
     * Reads a run as f32.
     *
     * @param from the elements' memory
     * @param dtype their type
     * @param first the position of the first
     * @param stride positions from one to the next; 0 repeats the first
     * @param to takes the f32, from its beginning
     * @param count how many
     */
    static void widen(MemorySegment from, DType dtype, long first, long stride, MemorySegment to, int count) {
        if (stride == 0) {
            fill(to, 0, Elements.getFloat(from, dtype, first), count);
            return;
        }
        int done = stride == 1 ? widenVectors(from, dtype, first, to, count) : 0;
        switch (dtype) {
            case F32 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, from.getAtIndex(JAVA_FLOAT, first + i * stride));
                }
            }
            case BF16 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, Elements.fromBf16(from.getAtIndex(JAVA_SHORT, first + i * stride)));
                }
            }
            case F16 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, Float.float16ToFloat(from.getAtIndex(JAVA_SHORT, first + i * stride)));
                }
            }
            case I32 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, from.getAtIndex(JAVA_INT, first + i * stride));
                }
            }
            case I64 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, from.getAtIndex(JAVA_LONG, first + i * stride));
                }
            }
        }
    }

    /**
     * Writes a run of f32, rounded to nearest even or, for integers, truncated.
     *
     * @param from the f32
     * @param at the first one's byte
     * @param to the elements' memory
     * @param dtype their type
     * @param first the position of the first
     * @param stride positions from one to the next
     * @param count how many
     */
    static void narrow(MemorySegment from, long at, MemorySegment to, DType dtype, long first, long stride, int count) {
        int done = stride == 1 ? narrowVectors(from, at, to, dtype, first, count) : 0;
        switch (dtype) {
            case F32 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, first + i * stride, from.get(JAVA_FLOAT, at + 4L * i));
                }
            }
            case BF16 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_SHORT, first + i * stride, Elements.toBf16(from.get(JAVA_FLOAT, at + 4L * i)));
                }
            }
            case F16 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_SHORT, first + i * stride, Float.floatToFloat16(from.get(JAVA_FLOAT, at + 4L * i)));
                }
            }
            case I32 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_INT, first + i * stride, (int) from.get(JAVA_FLOAT, at + 4L * i));
                }
            }
            case I64 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_LONG, first + i * stride, (long) from.get(JAVA_FLOAT, at + 4L * i));
                }
            }
        }
    }

    /**
     * Sets a run of f32.
     *
     * @param to the memory
     * @param at the first one's byte
     * @param value the value
     * @param count how many
     */
    static void fill(MemorySegment to, long at, float value, int count) {
        to = NativeView.of(to);
        FloatVector v = FloatVector.broadcast(SPECIES, value);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            v.intoMemorySegment(to, at + 4L * i, ORDER);
        }
        for (; i < count; i++) {
            to.set(JAVA_FLOAT, at + 4L * i, value);
        }
    }

    /** Widens as many neighbouring elements as whole vectors hold. */
    private static int widenVectors(MemorySegment from, DType dtype, long first, MemorySegment to, int count) {
        from = NativeView.of(from);
        to = NativeView.of(to);
        int whole = SPECIES.loopBound(count);
        switch (dtype) {
            case F32 -> MemorySegment.copy(from, 4 * first, to, 0, 4L * whole);
            case BF16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    Widening.bf16(from, 2 * (first + i)).intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case F16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    Widening.f16(from, 2 * (first + i)).intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case I32 -> {
                for (int i = 0; i < whole; i += LANES) {
                    IntVector.fromMemorySegment(INTS, from, 4 * (first + i), ORDER).convert(VectorOperators.I2F, 0)
                            .reinterpretAsFloats().intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case I64 -> {
                return 0;
            }
        }
        return whole;
    }

    /** Narrows as many neighbouring elements as whole vectors hold, where there is a way. */
    private static int narrowVectors(MemorySegment from, long at, MemorySegment to, DType dtype, long first, int count) {
        from = NativeView.of(from);
        to = NativeView.of(to);
        int whole = SPECIES.loopBound(count);
        switch (dtype) {
            case F32 -> MemorySegment.copy(from, at, to, 4 * first, 4L * whole);
            case BF16 -> narrowBf16(from, at, to, first, whole);
            case I32 -> {
                for (int i = 0; i < whole; i += LANES) {
                    FloatVector.fromMemorySegment(SPECIES, from, at + 4L * i, ORDER).convert(VectorOperators.F2I, 0)
                            .reinterpretAsInts().intoMemorySegment(to, 4 * (first + i), ORDER);
                }
            }
            case F16, I64 -> {
                return 0;
            }
        }
        return whole;
    }

    /** As {@link Elements#toBf16}: adding a half less the last kept bit, then cutting off, rounds to nearest even. */
    private static void narrowBf16(MemorySegment from, long at, MemorySegment to, long first, int count) {
        from = NativeView.of(from);
        to = NativeView.of(to);
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = FloatVector.fromMemorySegment(SPECIES, from, at + 4L * i, ORDER);
            IntVector bits = value.reinterpretAsInts();
            IntVector last = bits.lanewise(VectorOperators.LSHR, 16).and(1);
            IntVector rounded = bits.add(0x7fff).add(last).lanewise(VectorOperators.LSHR, 16);
            IntVector quiet = bits.lanewise(VectorOperators.LSHR, 16).or(0x40);
            IntVector halves = rounded.blend(quiet, value.compare(VectorOperators.NE, value).cast(INTS));
            ((ShortVector) halves.convertShape(VectorOperators.I2S, HALVES, 0)).intoMemorySegment(to, 2 * (first + i), ORDER);
        }
    }
}
