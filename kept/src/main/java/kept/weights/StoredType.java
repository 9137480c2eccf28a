package kept.weights;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import kept.tensor.DType;

/**
 * The element types of the safetensors format (version 0.8). Types with a {@link DType} can be read as tensors; the others are only recognised.
 */
public enum StoredType {
    /** Booleans, one byte each. */
    BOOL(DType.BOOL),
    /** Two 4-bit floating-point numbers per byte. */
    F4(4),
    /** 6-bit floating point, 2 bits of exponent. */
    F6_E2M3(6),
    /** 6-bit floating point, 3 bits of exponent. */
    F6_E3M2(6),
    /** Unsigned bytes. */
    U8(DType.U8),
    /** Signed bytes. */
    I8(8),
    /** 8-bit floating point, 5 bits of exponent. */
    F8_E5M2(8),
    /** 8-bit floating point, 4 bits of exponent. */
    F8_E4M3(8),
    /** Powers of two, 8 bits of exponent. */
    F8_E8M0(8),
    /** 8-bit floating point, 4 bits of exponent, no negative zero. */
    F8_E4M3FNUZ(8),
    /** 8-bit floating point, 5 bits of exponent, no negative zero. */
    F8_E5M2FNUZ(8),
    /** Signed 16-bit integers. */
    I16(16),
    /** Unsigned 16-bit integers. */
    U16(16),
    /** IEEE 754 binary16. */
    F16(DType.F16),
    /** The upper half of a binary32. */
    BF16(DType.BF16),
    /** Signed 32-bit integers. */
    I32(DType.I32),
    /** Unsigned 32-bit integers. */
    U32(32),
    /** IEEE 754 binary32. */
    F32(DType.F32),
    /** Pairs of binary32. */
    C64(64),
    /** IEEE 754 binary64. */
    F64(DType.F64),
    /** Signed 64-bit integers. */
    I64(DType.I64),
    /** Unsigned 64-bit integers. */
    U64(64);

    private static final Map<String, StoredType> BY_NAME = Arrays.stream(values()).collect(Collectors.toMap(Enum::name, Function.identity()));

    private final int bits;
    private final DType dtype;

    StoredType(int bits) {
        this.bits = bits;
        this.dtype = null;
    }

    StoredType(DType dtype) {
        this.bits = dtype.bytes() * Byte.SIZE;
        this.dtype = dtype;
    }

    /**
     * Finds a type by its name in the format.
     *
     * @param name the name, as in {@code BF16}
     * @return the type, or empty if the format has no type with that name
     */
    public static Optional<StoredType> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /**
     * Returns the stored type of an element type.
     *
     * @param dtype the element type
     * @return the type of the same name
     */
    public static StoredType of(DType dtype) {
        return valueOf(dtype.name());
    }

    /**
     * The size of one element in bits.
     *
     * @return bits per element
     */
    public int bits() {
        return bits;
    }

    /**
     * The element type that tensors of this type are read as.
     *
     * @return the element type, or empty if such tensors cannot be read
     */
    public Optional<DType> dtype() {
        return Optional.ofNullable(dtype);
    }
}
