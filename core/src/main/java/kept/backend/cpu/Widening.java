package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/** Reads f32, bf16 and f16 as f32, exactly. */
final class Widening {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);
    private static final int LANES = SPECIES.length();
    /** As many 16-bit lanes as {@link #SPECIES} has 32-bit ones. With 128-bit vectors these are 64 bits. */
    private static final VectorSpecies<Short> HALVES = VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Widening() { }

    /**
     * Copies a run of elements.
     *
     * @param data where they are
     * @param type their type
     * @param first the number of the first element in the segment
     * @param stride elements from one to the next
     * @param out receives them
     * @param at where the first goes
     * @param count how many
     */
    static void copy(MemorySegment data, DType type, long first, long stride, float[] out, int at, int count) {
        data = NativeView.of(data);
        if (stride != 1) {
            for (int i = 0; i < count; i++) {
                out[at + i] = get(data, type, first + i * stride);
            }
            return;
        }
        if (type == DType.F32) {
            MemorySegment.copy(data, ValueLayout.JAVA_FLOAT_UNALIGNED, first * 4, out, at, count);
            return;
        }
        int whole = count - count % LANES;
        switch (type) {
            case BF16 -> copyBf16(data, first * 2, out, at, whole);
            case F16 -> copyF16(data, first * 2, out, at, whole);
            default -> throw notFloating(type);
        }
        for (int i = whole; i < count; i++) {
            out[at + i] = get(data, type, first + i);
        }
    }

    private static void copyBf16(MemorySegment data, long bytes, float[] out, int at, int count) {
        data = NativeView.of(data);
        for (int i = 0; i < count; i += LANES) {
            bf16(data, bytes + i * 2L).intoArray(out, at + i);
        }
    }

    private static void copyF16(MemorySegment data, long bytes, float[] out, int at, int count) {
        data = NativeView.of(data);
        for (int i = 0; i < count; i += LANES) {
            f16(data, bytes + i * 2L).intoArray(out, at + i);
        }
    }

    /**
     * A vector of bf16: each is the upper half of an f32.
     *
     * @param data where they are
     * @param bytes the offset of the first
     * @return as many as a vector of f32 has lanes
     */
    static FloatVector bf16(MemorySegment data, long bytes) {
        return unsigned(data, bytes).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /**
     * A vector of f16. Shifting exponent and fraction into an f32's place leaves the exponent 112 too low, which a multiplication mends for
     * subnormals too; infinity and NaN, now 2^16 and above, get the f32's largest exponent.
     *
     * @param data where they are
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

    private static IntVector unsigned(MemorySegment data, long bytes) {
        return (IntVector) ShortVector.fromMemorySegment(HALVES, data, bytes, ORDER).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }

    /**
     * One element.
     *
     * @param data where it is
     * @param type its type
     * @param index its number in the segment
     * @return its value
     */
    static float get(MemorySegment data, DType type, long index) {
        return switch (type) {
            case F32 -> data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, index * 4);
            case BF16 -> Float.intBitsToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2) << 16);
            case F16 -> Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, index * 2));
            default -> throw notFloating(type);
        };
    }

    /**
     * What to say of other types.
     *
     * @param type the type
     * @return the exception
     */
    static IllegalArgumentException notFloating(DType type) {
        return new IllegalArgumentException("[matmul] operands are f32, bf16 or f16, not " + type.label() + ": cast first");
    }
}
