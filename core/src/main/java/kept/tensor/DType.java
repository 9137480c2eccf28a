package kept.tensor;

/**
 * The element types a tensor may have.
 *
 * <p>Sums, statistics and losses are always computed in {@link #F32}; {@link #BF16} and {@link #F16} are for storage and for the inputs of matrix
 * products. {@link #I32} and {@link #I64} hold indices, and {@link #I32} the zeros and ones that comparisons give.
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
    I64(8, false);

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
     * @return true for {@link #F32}, {@link #BF16} and {@link #F16}
     */
    public boolean isFloating() {
        return floating;
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
     * The type that holds the values of two: the same one, or {@link #F32} for two different floating types.
     *
     * @param other the other operand's type
     * @param operation the name that an error message starts with
     * @return the common type
     * @throws DTypeException if one is an integer type and they differ
     */
    public DType promote(DType other, String operation) {
        if (this == other) {
            return this;
        }
        if (!floating || !other.floating) {
            throw new DTypeException("[%s] operands are %s and %s; cast one of them first".formatted(operation, label(), other.label()));
        }
        return F32;
    }
}
