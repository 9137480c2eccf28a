package kept.backend;

import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.Supplier;
import kept.tensor.DType;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** Elementwise functions of two operands, each with its name, its value and its two derivatives. Comparisons have no derivatives. */
public enum Binary {
    /** {@code a + b}. */
    ADD("add", (a, b) -> a + b, Long::sum, (gradient, a, b) -> gradient, (gradient, a, b) -> gradient),

    /** {@code a - b}. */
    SUBTRACT("sub", (a, b) -> a - b, (a, b) -> a - b, (gradient, a, b) -> gradient, (gradient, a, b) -> gradient.neg()),

    /** {@code a * b}. */
    MULTIPLY("mul", (a, b) -> a * b, (a, b) -> a * b, (gradient, a, b) -> gradient.mul(b.get()), (gradient, a, b) -> gradient.mul(a.get())),

    /** {@code a / b}; integers divide towards zero. */
    DIVIDE("div", (a, b) -> a / b, Binary::divide, (gradient, a, b) -> gradient.div(b.get()),
            (gradient, a, b) -> gradient.div(b.get()).mul(a.get()).div(b.get()).neg()),

    /** The smaller; NaN if either is NaN. Equal ones share the gradient by halves; of a NaN result both have all of it. */
    MINIMUM("minimum", Math::min, Math::min, (gradient, a, b) -> shared(gradient, a, b, a.get().gt(b.get())),
            (gradient, a, b) -> shared(gradient, a, b, a.get().lt(b.get()))),

    /** The larger; NaN if either is NaN. Equal ones share the gradient by halves; of a NaN result both have all of it. */
    MAXIMUM("maximum", Math::max, Math::max, (gradient, a, b) -> shared(gradient, a, b, a.get().lt(b.get())),
            (gradient, a, b) -> shared(gradient, a, b, a.get().gt(b.get()))),

    /** 1 where {@code a == b}, else 0. */
    EQUAL("eq", (a, b) -> a == b ? 1 : 0, (a, b) -> a == b ? 1 : 0),

    /** 1 where {@code a != b}, else 0. */
    NOT_EQUAL("ne", (a, b) -> a != b ? 1 : 0, (a, b) -> a != b ? 1 : 0),

    /** 1 where {@code a < b}, else 0. */
    LESS("lt", (a, b) -> a < b ? 1 : 0, (a, b) -> a < b ? 1 : 0),

    /** 1 where {@code a <= b}, else 0. */
    LESS_EQUAL("le", (a, b) -> a <= b ? 1 : 0, (a, b) -> a <= b ? 1 : 0),

    /** 1 where {@code a > b}, else 0. */
    GREATER("gt", (a, b) -> a > b ? 1 : 0, (a, b) -> a > b ? 1 : 0),

    /** 1 where {@code a >= b}, else 0. */
    GREATER_EQUAL("ge", (a, b) -> a >= b ? 1 : 0, (a, b) -> a >= b ? 1 : 0);

    private final String label;
    private final DoubleBinaryOperator value;
    private final LongBinaryOperator ofIntegers;
    private final Derivative ofFirst;
    private final Derivative ofSecond;

    Binary(String label, DoubleBinaryOperator value, LongBinaryOperator ofIntegers, Derivative ofFirst, Derivative ofSecond) {
        this.label = label;
        this.value = value;
        this.ofIntegers = ofIntegers;
        this.ofFirst = ofFirst;
        this.ofSecond = ofSecond;
    }

    /** A comparison. */
    Binary(String label, DoubleBinaryOperator value, LongBinaryOperator ofIntegers) {
        this(label, value, ofIntegers, null, null);
    }

    /**
     * Computes the gradient of one operand of {@code y = f(a, b)}. Only operands that the formula reads through their suppliers must be unchanged
     * since the forward pass.
     */
    @FunctionalInterface
    public interface Derivative {
        /**
         * The operand's gradient.
         *
         * @param gradient of the result, F32, or F64 for a result in F64
         * @param a gives the first operand, which broadcasts to the gradient's shape
         * @param b gives the second operand, which broadcasts to the gradient's shape
         * @return of the gradient's shape and dtype
         */
        Tensor apply(Tensor gradient, Supplier<Tensor> a, Supplier<Tensor> b);
    }

    /**
     * The name that users call the function by.
     *
     * @return such as {@code sub}
     */
    public String label() {
        return label;
    }

    /**
     * Its value, in double precision; for two f32, rounding it once gives the f32 result.
     *
     * @param a one operand
     * @param b the other
     * @return f(a, b)
     */
    public double value(double a, double b) {
        return value.applyAsDouble(a, b);
    }

    /**
     * Its value for integers, in 64 bits.
     *
     * @return the function
     */
    public LongBinaryOperator ofIntegers() {
        return ofIntegers;
    }

    /**
     * Whether operands may be of a type.
     *
     * @param dtype the type
     * @return true, except for BOOL, which has no differences and quotients
     */
    public boolean takes(DType dtype) {
        return dtype != DType.BOOL || this != SUBTRACT && this != DIVIDE;
    }

    /**
     * Its derivative by the first operand.
     *
     * @return the gradient's formula; null for comparisons
     */
    public Derivative ofFirst() {
        return ofFirst;
    }

    /**
     * Its derivative by the second operand.
     *
     * @return the gradient's formula; null for comparisons
     */
    public Derivative ofSecond() {
        return ofSecond;
    }

    /**
     * Whether the result is a mask of type {@link DType#BOOL}.
     *
     * @return true for the six comparisons
     */
    public boolean isComparison() {
        return ofFirst == null;
    }

    private static long divide(long a, long b) {
        if (b == 0) {
            throw new TensorException("[div] an integer is divided by zero; cast to a floating type for infinities");
        }
        return a / b;
    }

    /** The gradient of one operand of an extremum: half of it where both are equal, 0 where the other was taken, infinite or not. */
    private static Tensor shared(Tensor gradient, Supplier<Tensor> a, Supplier<Tensor> b, Tensor isOther) {
        Tensor taken = Tensor.where(isOther, Tensor.scalar(0, gradient.dtype()), gradient);
        return Tensor.where(a.get().eq(b.get()), gradient.mul(0.5), taken);
    }
}
