package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
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
import kept.backend.TensorMemory;
import kept.tensor.Bfloat16;
import kept.tensor.DType;
import kept.tensor.Tensor;

/**
 * Reads, writes and converts elements of every type: single elements, vectors, and runs to contiguous f32 and back. Floating types are read and
 * written as f32 or f64, integer types as f32, f64 or 64 bits. Memory is native; positions count elements, {@code at} counts bytes.
 */
final class Elements {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);
    /** As many 16-bit lanes as {@link #SPECIES} has 32-bit ones. With 128-bit vectors these are 64 bits. */
    private static final VectorSpecies<Short> HALVES = VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Elements() {}

    /**
     * The memory behind a tensor.
     *
     * @param tensor a tensor of the CPU
     * @return the whole block that contains it
     */
    static MemorySegment segment(Tensor tensor) {
        return ((CpuBuffer) TensorMemory.buffer(tensor)).segment();
    }

    /**
     * Reads as f32.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @return its value; integers are rounded to nearest
     */
    static float getFloat(MemorySegment segment, DType dtype, long index) {
        return switch (dtype) {
            case F32 -> segment.getAtIndex(JAVA_FLOAT, index);
            case BF16 -> Bfloat16.toFloat(segment.getAtIndex(JAVA_SHORT, index));
            case F16 -> Float.float16ToFloat(segment.getAtIndex(JAVA_SHORT, index));
            case I32 -> segment.getAtIndex(JAVA_INT, index);
            case I64 -> segment.getAtIndex(JAVA_LONG, index);
            case F64 -> (float) segment.getAtIndex(JAVA_DOUBLE, index);
            case U8, BOOL -> Byte.toUnsignedInt(segment.get(JAVA_BYTE, index));
        };
    }

    /**
     * Writes from f32, rounded to nearest even or, for integers, truncated.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @param value its value
     */
    static void setFloat(MemorySegment segment, DType dtype, long index, float value) {
        switch (dtype) {
            case F32 -> segment.setAtIndex(JAVA_FLOAT, index, value);
            case BF16 -> segment.setAtIndex(JAVA_SHORT, index, Bfloat16.of(value));
            case F16 -> segment.setAtIndex(JAVA_SHORT, index, Float.floatToFloat16(value));
            case I32 -> segment.setAtIndex(JAVA_INT, index, (int) value);
            case I64 -> segment.setAtIndex(JAVA_LONG, index, (long) value);
            case F64 -> segment.setAtIndex(JAVA_DOUBLE, index, value);
            case U8 -> segment.set(JAVA_BYTE, index, saturated(value));
            case BOOL -> segment.set(JAVA_BYTE, index, truth(value));
        }
    }

    private static byte saturated(double value) {
        return (byte) Math.clamp((int) value, 0, 0xff);
    }

    private static byte truth(double value) {
        return (byte) (value != 0 ? 1 : 0);
    }

    /**
     * Reads as f64.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @return its value; integers are rounded to nearest
     */
    static double getDouble(MemorySegment segment, DType dtype, long index) {
        return switch (dtype) {
            case F64 -> segment.getAtIndex(JAVA_DOUBLE, index);
            case I32, I64 -> getLong(segment, dtype, index);
            default -> getFloat(segment, dtype, index);
        };
    }

    /**
     * Writes from f64, rounded once to nearest even or, for integers, truncated to what they hold.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @param value its value
     */
    static void setDouble(MemorySegment segment, DType dtype, long index, double value) {
        switch (dtype) {
            case F64 -> segment.setAtIndex(JAVA_DOUBLE, index, value);
            case F32 -> segment.setAtIndex(JAVA_FLOAT, index, (float) value);
            case BF16, F16 -> setFloat(segment, dtype, index, roundedToOdd(value));
            case I32 -> segment.setAtIndex(JAVA_INT, index, (int) value);
            case I64 -> segment.setAtIndex(JAVA_LONG, index, (long) value);
            case U8 -> segment.set(JAVA_BYTE, index, saturated(value));
            case BOOL -> segment.set(JAVA_BYTE, index, truth(value));
        }
    }

    /**
     * The f32 that rounds to the same shorter number as an f64: truncated, with the last bit set if digits were lost (round to odd). Rounded to
     * nearest, the f32 could become the midpoint between two shorter numbers.
     */
    private static float roundedToOdd(double value) {
        float near = (float) value;
        if (near == value || Float.isNaN(near)) {
            return near;
        }
        int bits = Float.floatToRawIntBits(near) - (Math.abs((double) near) > Math.abs(value) ? 1 : 0);
        return Float.intBitsToFloat(bits | 1);
    }

    /**
     * Reads an integer.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @return its value; floating ones are truncated, NaN is 0, and values beyond 64 bits become the smallest or largest 64-bit integer
     */
    static long getLong(MemorySegment segment, DType dtype, long index) {
        return switch (dtype) {
            case I32 -> segment.getAtIndex(JAVA_INT, index);
            case I64 -> segment.getAtIndex(JAVA_LONG, index);
            case U8, BOOL -> Byte.toUnsignedLong(segment.get(JAVA_BYTE, index));
            case F64 -> (long) segment.getAtIndex(JAVA_DOUBLE, index);
            default -> (long) getFloat(segment, dtype, index);
        };
    }

    /**
     * Writes an integer.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index the element's index
     * @param value its value; integer types keep the low bits, floating types round to nearest even, and BOOL is true for any number but 0
     */
    static void setLong(MemorySegment segment, DType dtype, long index, long value) {
        switch (dtype) {
            case I32 -> segment.setAtIndex(JAVA_INT, index, (int) value);
            case I64 -> segment.setAtIndex(JAVA_LONG, index, value);
            case U8 -> segment.set(JAVA_BYTE, index, (byte) value);
            case BOOL -> segment.set(JAVA_BYTE, index, (byte) (value != 0 ? 1 : 0));
            case F64 -> segment.setAtIndex(JAVA_DOUBLE, index, value);
            default -> setFloat(segment, dtype, index, value);
        }
    }

    /**
     * Reads a run as f32.
     *
     * @param from the elements' memory
     * @param dtype their type
     * @param first the position of the first
     * @param stride positions from one to the next; 0 repeats the first
     * @param to receives the f32, from its beginning
     * @param count the number of elements
     */
    static void widen(MemorySegment from, DType dtype, long first, long stride, MemorySegment to, int count) {
        if (stride == 0) {
            fill(to, 0, getFloat(from, dtype, first), count);
            return;
        }
        int done = stride == 1 ? widenVectors(from, dtype, first, to, count) : 0;
        // A loop for each type: the JIT compiles only those that run, while one loop over all types would be too large to inline.
        switch (dtype) {
            case F32 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, from.getAtIndex(JAVA_FLOAT, first + i * stride));
                }
            }
            case BF16 -> {
                for (int i = done; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, Bfloat16.toFloat(from.getAtIndex(JAVA_SHORT, first + i * stride)));
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
            case F64 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, (float) from.getAtIndex(JAVA_DOUBLE, first + i * stride));
                }
            }
            case U8, BOOL -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_FLOAT, i, Byte.toUnsignedInt(from.get(JAVA_BYTE, first + i * stride)));
                }
            }
        }
    }

    /**
     * Reads a run as f32 into an array.
     *
     * @param from the elements' memory
     * @param dtype their type, floating
     * @param first the position of the first
     * @param stride positions from one to the next
     * @param to receives the f32
     * @param at the index of the first in the array
     * @param count the number of elements
     */
    static void widen(MemorySegment from, DType dtype, long first, long stride, float[] to, int at, int count) {
        for (int i = stride == 1 ? widenVectors(from, dtype, first, to, at, count) : 0; i < count; i++) {
            to[at + i] = getFloat(from, dtype, first + i * stride);
        }
    }

    /**
     * Writes a run of f32, rounded to nearest even or, for integers, truncated.
     *
     * @param from the f32
     * @param at the offset of the first in bytes
     * @param to the elements' memory
     * @param dtype their type
     * @param first the position of the first
     * @param stride positions from one to the next
     * @param count the number of elements
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
                    to.setAtIndex(JAVA_SHORT, first + i * stride, Bfloat16.of(from.get(JAVA_FLOAT, at + 4L * i)));
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
            case F64 -> {
                for (int i = 0; i < count; i++) {
                    to.setAtIndex(JAVA_DOUBLE, first + i * stride, from.get(JAVA_FLOAT, at + 4L * i));
                }
            }
            case U8 -> {
                for (int i = 0; i < count; i++) {
                    to.set(JAVA_BYTE, first + i * stride, saturated(from.get(JAVA_FLOAT, at + 4L * i)));
                }
            }
            case BOOL -> {
                for (int i = 0; i < count; i++) {
                    to.set(JAVA_BYTE, first + i * stride, truth(from.get(JAVA_FLOAT, at + 4L * i)));
                }
            }
        }
    }

    /**
     * Sets a run of f32.
     *
     * @param to the memory
     * @param at the offset of the first in bytes
     * @param value the value
     * @param count the number of elements
     */
    static void fill(MemorySegment to, long at, float value, int count) {
        to = NativeView.of(to);
        FloatVector v = FloatVector.broadcast(SPECIES, value);
        int whole = SPECIES.loopBound(count);
        for (int i = 0; i < whole; i += LANES) {
            v.intoMemorySegment(to, at + 4L * i, ORDER);
        }
        if (whole < count) {
            v.intoMemorySegment(to, at + 4L * whole, ORDER, SPECIES.indexInRange(whole, count));
        }
    }

    /** Widens the contiguous elements that fill whole vectors. */
    private static int widenVectors(MemorySegment from, DType dtype, long first, MemorySegment to, int count) {
        from = NativeView.of(from);
        to = NativeView.of(to);
        int whole = SPECIES.loopBound(count);
        switch (dtype) {
            case F32 -> MemorySegment.copy(from, 4 * first, to, 0, 4L * whole);
            case BF16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    bf16(from, 2 * (first + i)).intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case F16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    f16(from, 2 * (first + i)).intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case I32 -> {
                for (int i = 0; i < whole; i += LANES) {
                    IntVector.fromMemorySegment(INTS, from, 4 * (first + i), ORDER).convert(VectorOperators.I2F, 0)
                            .reinterpretAsFloats().intoMemorySegment(to, 4L * i, ORDER);
                }
            }
            case I64, F64, U8, BOOL -> {
                return 0;
            }
        }
        return whole;
    }

    /** Widens the contiguous elements that fill whole vectors, into an array. */
    private static int widenVectors(MemorySegment from, DType dtype, long first, float[] to, int at, int count) {
        from = NativeView.of(from);
        int whole = SPECIES.loopBound(count);
        switch (dtype) {
            case F32 -> MemorySegment.copy(from, JAVA_FLOAT, 4 * first, to, at, whole);
            case BF16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    bf16(from, 2 * (first + i)).intoArray(to, at + i);
                }
            }
            case F16 -> {
                for (int i = 0; i < whole; i += LANES) {
                    f16(from, 2 * (first + i)).intoArray(to, at + i);
                }
            }
            case I32, I64, F64, U8, BOOL -> {
                return 0;
            }
        }
        return whole;
    }

    /** Narrows the contiguous elements that fill whole vectors, for the types that have a vector conversion. */
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
            case F16, I64, F64, U8, BOOL -> {
                return 0;
            }
        }
        return whole;
    }

    /** As {@link Bfloat16#of}: adding one half minus the last kept bit and then truncating rounds to nearest even. */
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

    /**
     * A vector of bf16: each is the upper half of an f32.
     *
     * @param data the memory
     * @param bytes the offset of the first
     * @return as many as a vector of f32 has lanes
     */
    static FloatVector bf16(MemorySegment data, long bytes) {
        return unsigned(data, bytes).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /**
     * A vector of f16. Shifting exponent and fraction to the positions of an f32 leaves the exponent 112 too low. A multiplication corrects this,
     * also for subnormals; infinity and NaN, now 2^16 and above, get the f32's largest exponent.
     *
     * @param data the memory
     * @param bytes the offset of the first
     * @return as many as a vector of f32 has lanes
     */
    static FloatVector f16(MemorySegment data, long bytes) {
        IntVector bits = unsigned(data, bytes);
        FloatVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13).reinterpretAsFloats().mul(0x1p112f);
        IntVector special = magnitude.reinterpretAsInts().or(0x7f800000);
        IntVector exact = magnitude.reinterpretAsInts().blend(special, magnitude.compare(VectorOperators.GE, 0x1p16f).cast(INTS));
        return exact.or(bits.and(0x8000).lanewise(VectorOperators.LSHL, 16)).reinterpretAsFloats();
    }

    /**
     * A vector of 16-bit numbers, extended with zeros.
     *
     * @param data the memory
     * @param bytes the offset of the first
     * @return as many as a vector of f32 has lanes
     */
    static IntVector unsigned(MemorySegment data, long bytes) {
        return (IntVector) ShortVector.fromMemorySegment(HALVES, data, bytes, ORDER).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }
}
