package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Single elements in memory, by element type: floating types read and write as f32, integer types as 64 bits. */
final class Elements {
    private static final int INFINITY_BITS = 0x7f800000;

    private Elements() {}

    /**
     * The memory behind a tensor.
     *
     * @param tensor a tensor of the CPU
     * @return the whole block it lies in
     */
    static MemorySegment segment(Tensor tensor) {
        return ((CpuBuffer) tensor.buffer()).segment();
    }

    /**
     * Reads as f32.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index which element
     * @return its value; integers are rounded to nearest
     */
    static float getFloat(MemorySegment segment, DType dtype, long index) {
        return switch (dtype) {
            case F32 -> segment.getAtIndex(JAVA_FLOAT, index);
            case BF16 -> fromBf16(segment.getAtIndex(JAVA_SHORT, index));
            case F16 -> Float.float16ToFloat(segment.getAtIndex(JAVA_SHORT, index));
            case I32 -> segment.getAtIndex(JAVA_INT, index);
            case I64 -> segment.getAtIndex(JAVA_LONG, index);
        };
    }

    /**
     * Writes from f32, rounded to nearest even or, for integers, truncated.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index which element
     * @param value its value
     */
    static void setFloat(MemorySegment segment, DType dtype, long index, float value) {
        switch (dtype) {
            case F32 -> segment.setAtIndex(JAVA_FLOAT, index, value);
            case BF16 -> segment.setAtIndex(JAVA_SHORT, index, toBf16(value));
            case F16 -> segment.setAtIndex(JAVA_SHORT, index, Float.floatToFloat16(value));
            case I32 -> segment.setAtIndex(JAVA_INT, index, (int) value);
            case I64 -> segment.setAtIndex(JAVA_LONG, index, (long) value);
        }
    }

    /**
     * Reads an integer.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index which element
     * @return its value; floating ones are truncated, NaN is 0, and what lies beyond 64 bits is the nearest integer that has them
     */
    static long getLong(MemorySegment segment, DType dtype, long index) {
        return switch (dtype) {
            case I32 -> segment.getAtIndex(JAVA_INT, index);
            case I64 -> segment.getAtIndex(JAVA_LONG, index);
            default -> (long) getFloat(segment, dtype, index);
        };
    }

    /**
     * Writes an integer.
     *
     * @param segment the memory
     * @param dtype the element type
     * @param index which element
     * @param value its value; the low bits are taken, floating types round to nearest even
     */
    static void setLong(MemorySegment segment, DType dtype, long index, long value) {
        switch (dtype) {
            case I32 -> segment.setAtIndex(JAVA_INT, index, (int) value);
            case I64 -> segment.setAtIndex(JAVA_LONG, index, value);
            default -> setFloat(segment, dtype, index, value);
        }
    }

    /**
     * Widens bf16, which is exact.
     *
     * @param bits the upper half of an f32
     * @return the f32
     */
    static float fromBf16(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /**
     * Rounds to bf16, to nearest even; NaN stays NaN.
     *
     * @param value an f32
     * @return the bits of the nearest bf16
     */
    static short toBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & Integer.MAX_VALUE) > INFINITY_BITS) {
            return (short) (bits >> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >> 16 & 1) >> 16);
    }
}
