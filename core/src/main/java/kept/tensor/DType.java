package kept.tensor;

import kept.tensor.internal.Arguments;

/**
 * The element types a tensor may have.
 *
 * <p>Arithmetic, sums, statistics and losses are computed in {@link #arithmetic()}: in {@link #F64} for {@link #F64}, in {@link #F32} for the other
 * floating types, which are for storage and for the inputs of matrix products. {@link #I32} and {@link #I64} hold indices and counts, {@link #U8}
 * bytes, and {@link #BOOL} the results of comparisons. Integers wrap around: the low bits of a result are kept. Operands of two types need a common
 * type that holds all numbers of both ({@link #promote}).
 */
public enum DType {
    /** IEEE 754 binary32. */
    F32(4, true),
    /** The upper half of a binary32: 8 bits of exponent, 7 of fraction. */
    BF16(2, true),
    /** IEEE 754 binary16. */
    F16(2, true),
    /** Two's complement, 32 bits. */
    I32(4, false),
    /** Two's complement, 64 bits. */
    I64(8, false),
    /** IEEE 754 binary64. */
    F64(8, true),
    /** Unsigned bytes, 0 to 255. */
    U8(1, false),
    /** True and false, a byte of 1 or 0. Its sum {@code a + b} is "or", its product "and"; it has no difference, quotient or negative. */
    BOOL(1, false);

    private final int bytes;
    private final boolean floating;

    DType(int bytes, boolean floating) {
        this.bytes = bytes;
        this.floating = floating;
    }

    /**
     * The size of one element.
     *
     * @return bytes per element
     */
    public int bytes() {
        return bytes;
    }

    /**
     * Whether elements are floating-point numbers; only such tensors take part in differentiation.
     *
     * @return true for {@link #F32}, {@link #BF16}, {@link #F16} and {@link #F64}
     */
    public boolean isFloating() {
        return floating;
    }

    /**
     * Whether elements may be indices and labels.
     *
     * @return true for {@link #I32} and {@link #I64}
     */
    public boolean isIndex() {
        return this == I32 || this == I64;
    }

    /**
     * The type's usual short name, as in {@code bf16}.
     *
     * @return the lower-case name
     */
    public String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /**
     * The type of the arithmetic on this type; results are then rounded to this type. Gradients have the arithmetic type too.
     *
     * @return {@link #F32} for {@link #BF16} and {@link #F16}, else this type
     */
    public DType arithmetic() {
        return floating && this != F64 ? F32 : this;
    }

    /**
     * The type of sums and products of many elements.
     *
     * @return {@link #I64} for all integer types and {@link #BOOL}, else this type
     */
    public DType ofSums() {
        return floating ? this : I64;
    }

    /**
     * The common type of two operands, which holds the numbers of both. {@link #BOOL} gives way to every type, {@link #U8} to every other; {@link
     * #I32} gives way to {@link #I64} and {@link #F64}. Of two different floating types it is {@link #F64} if one is that, else {@link #F32}. All
     * others, such as {@link #I64} and a floating type, would lose digits.
     *
     * @param other the other type
     * @return the common type
     * @throws DTypeException if no type holds the numbers of both
     */
    public DType promote(DType other) {
        return Arguments.promote("promote", this, Arguments.present("promote", "the other type", other));
    }
}
