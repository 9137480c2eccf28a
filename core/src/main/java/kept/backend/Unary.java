package kept.backend;

import java.util.function.DoubleUnaryOperator;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Elementwise functions of one operand: each with its name, its value and its derivative. */
public enum Unary {
    /** {@code -x}. */
    NEGATE("neg", x -> -x, x -> -x, (gradient, x, y) -> gradient.neg()),

    /** {@code |x|}; the derivative at 0 is 0. */
    ABS("abs", Math::abs, Math::abs, (gradient, x, y) -> gradient.mul(x.get().gt(0).sub(x.get().lt(0)).cast(DType.F32))),

    /** {@code e^x}. */
    EXP("exp", Math::exp, null, (gradient, x, y) -> gradient.mul(y.get())),

    /** The natural logarithm. */
    LOG("log", Math::log, null, (gradient, x, y) -> gradient.div(x.get())),

    /** The square root. */
    SQRT("sqrt", Math::sqrt, null, (gradient, x, y) -> gradient.div(y.get()).mul(0.5)),

    /** {@code 1 / sqrt(x)}. */
    RSQRT("rsqrt", x -> 1 / Math.sqrt(x), null, (gradient, x, y) -> gradient.mul(y.get().cast(DType.F32).pow(3)).mul(-0.5)),

    /** The hyperbolic tangent. */
    TANH("tanh", Math::tanh, null, (gradient, x, y) -> gradient.mul(oneMinus(square(y.get())))),

    /** {@code 1 / (1 + e^-x)}. */
    SIGMOID("sigmoid", x -> 1 / (1 + Math.exp(-x)), null, (gradient, x, y) -> gradient.mul(y.get()).mul(oneMinus(y.get()))),

    /** {@code x * sigmoid(x)}. */
    SILU("silu", x -> x / (1 + Math.exp(-x)), null, (gradient, x, y) -> {
        Tensor sigmoid = x.get().cast(DType.F32).sigmoid();
        return gradient.mul(sigmoid).mul(oneMinus(sigmoid).mul(x.get()).add(1));
    }),

    /**
     * {@code x * Phi(x)}, in the tanh approximation of Hendrycks and Gimpel (arXiv 1606.08415): {@code x (1 + t) / 2} with
     * {@code t = tanh(s (x + c x^3))}, which is {@code x sigmoid(2 s (x + c x^3))}. The derivative is
     * {@code (1 + t) / 2 + x (1 - t^2) s (1 + 3 c x^2) / 2}.
     */
    GELU("gelu", x -> x / (1 + Math.exp(-2 * Gelu.SCALE * (x + Gelu.CUBIC * x * x * x))), null, (gradient, operand, y) -> {
        Tensor x = operand.get().cast(DType.F32);
        Tensor squared = x.mul(x);
        Tensor t = squared.mul(Gelu.CUBIC).add(1).mul(x).mul(Gelu.SCALE).tanh();
        Tensor inner = squared.mul(3 * Gelu.CUBIC).add(1).mul(Gelu.SCALE);
        return gradient.mul(t.add(1).add(x.mul(oneMinus(t.mul(t))).mul(inner)).mul(0.5));
    }),

    /** {@code max(x, 0)}; NaN stays NaN. The derivative at 0 is 0. */
    RELU("relu", x -> Math.max(x, 0), x -> Math.max(x, 0), (gradient, x, y) -> Tensor.where(x.get().gt(0), gradient, Tensor.scalar(0, DType.F32)));

    private final String label;
    private final DoubleUnaryOperator value;
    private final LongUnaryOperator ofIntegers;
    private final Derivative derivative;

    Unary(String label, DoubleUnaryOperator value, LongUnaryOperator ofIntegers, Derivative derivative) {
        this.label = label;
        this.value = value;
        this.ofIntegers = ofIntegers;
        this.derivative = derivative;
    }

    /** The numbers of {@link #GELU}. */
    private static final class Gelu {
        static final double SCALE = Math.sqrt(2 / Math.PI);
        static final double CUBIC = 0.044715;
    }

    /** How a gradient passes back through {@code y = f(x)}; only of what is asked for the elements must still be those of the forward pass. */
    @FunctionalInterface
    public interface Derivative {
        /**
         * The operand's gradient.
         *
         * @param gradient of the result, F32
         * @param x gives the operand
         * @param y gives the result, in the operand's dtype
         * @return {@code gradient f'(x)}, F32
         */
        Tensor apply(Tensor gradient, Supplier<Tensor> x, Supplier<Tensor> y);
    }

    /**
     * The name that users call the function by.
     *
     * @return such as {@code neg}
     */
    public String label() {
        return label;
    }

    /**
     * Its value, in double precision.
     *
     * @param x the operand
     * @return f(x)
     */
    public double value(double x) {
        return value.applyAsDouble(x);
    }

    /**
     * Its value for integers, in 64 bits.
     *
     * @return the function; null where integers are refused
     */
    public LongUnaryOperator ofIntegers() {
        return ofIntegers;
    }

    /**
     * Its derivative.
     *
     * @return how a gradient passes back
     */
    public Derivative derivative() {
        return derivative;
    }

    private static Tensor square(Tensor x) {
        Tensor exact = x.cast(DType.F32);
        return exact.mul(exact);
    }

    private static Tensor oneMinus(Tensor x) {
        return x.cast(DType.F32).neg().add(1);
    }
}
