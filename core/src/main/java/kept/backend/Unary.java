package kept.backend;

import java.util.function.DoubleUnaryOperator;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** Elementwise functions of one operand, each with its name, its value and its derivative. */
public enum Unary {
    /** {@code -x}. */
    NEGATE("neg", x -> -x, x -> -x, (gradient, x, y) -> gradient.neg()),

    /** {@code |x|}; the derivative at 0 is 0. */
    ABS("abs", Math::abs, Math::abs, (gradient, x, y) -> gradient.mul(exact(x.get().sign()))),

    /** {@code e^x}. */
    EXP("exp", Math::exp, null, (gradient, x, y) -> gradient.mul(y.get())),

    /** The natural logarithm. */
    LOG("log", Math::log, null, (gradient, x, y) -> gradient.div(x.get())),

    /** The square root. */
    SQRT("sqrt", Math::sqrt, null, (gradient, x, y) -> gradient.div(y.get()).mul(0.5)),

    /** {@code 1 / sqrt(x)}. */
    RSQRT("rsqrt", x -> 1 / Math.sqrt(x), null, (gradient, x, y) -> gradient.mul(exact(y.get()).pow(3)).mul(-0.5)),

    /** The hyperbolic tangent. */
    TANH("tanh", Math::tanh, null, (gradient, x, y) -> gradient.mul(oneMinus(square(y.get())))),

    /** {@code 1 / (1 + e^-x)}. */
    SIGMOID("sigmoid", x -> 1 / (1 + Math.exp(-x)), null, (gradient, x, y) -> gradient.mul(y.get()).mul(oneMinus(y.get()))),

    /** {@code x * sigmoid(x)}. */
    SILU("silu", x -> x / (1 + Math.exp(-x)), null, (gradient, x, y) -> {
        Tensor sigmoid = exact(x.get()).sigmoid();
        return gradient.mul(sigmoid).mul(oneMinus(sigmoid).mulInPlace(exact(x.get())).addInPlace(1));
    }),

    /** The sine of an angle in radians. */
    SIN("sin", Math::sin, null, (gradient, x, y) -> gradient.mul(exact(x.get()).cos())),

    /** The cosine of an angle in radians. */
    COS("cos", Math::cos, null, (gradient, x, y) -> gradient.mul(exact(x.get()).sin()).neg()),

    /** The error function {@code 2 / sqrt(pi)} times the integral of {@code e^-t^2} from 0 to x. */
    ERF("erf", ErrorFunction::erf, null, (gradient, x, y) -> gradient.mul(square(x.get()).neg().exp()).mul(2 / Math.sqrt(Math.PI))),

    /** The largest whole number that is not above x; the derivative is 0. */
    FLOOR("floor", Math::floor, x -> x, Unary::none),

    /** The smallest whole number that is not below x; the derivative is 0. */
    CEIL("ceil", Math::ceil, x -> x, Unary::none),

    /** The nearest whole number, the even one if two are equally near; the derivative is 0. */
    ROUND("round", Math::rint, x -> x, Unary::none),

    /** -1 below 0, 1 above it, 0 for zeros and NaN; the derivative is 0. */
    SIGN("sign", x -> x > 0 ? 1 : x < 0 ? -1 : 0, Long::signum, Unary::none),

    /**
     * {@code x Phi(x)} with the normal distribution {@code Phi(x) = (1 + erf(x / sqrt(2))) / 2} (arXiv 1606.08415). The derivative is
     * {@code Phi(x) + x e^(-x^2 / 2) / sqrt(2 pi)}.
     */
    GELU("gelu", x -> x / 2 * (1 + ErrorFunction.erf(x / Math.sqrt(2))), null, (gradient, operand, y) -> {
        Tensor x = exact(operand.get());
        Tensor below = inPlace(ERF, x.mul(Math.sqrt(0.5))).addInPlace(1).mulInPlace(0.5);
        Tensor density = inPlace(EXP, x.mul(x).mulInPlace(-0.5)).mulInPlace(x).mulInPlace(1 / Math.sqrt(2 * Math.PI));
        return gradient.mul(below.addInPlace(density));
    }),

    /**
     * {@link #GELU} in the tanh approximation of Hendrycks and Gimpel (arXiv 1606.08415): {@code x (1 + t) / 2} with
     * {@code t = tanh(s (x + c x^3))}, which is {@code x sigmoid(2 s (x + c x^3))}. The derivative is
     * {@code (1 + t) / 2 + x (1 - t^2) s (1 + 3 c x^2) / 2}.
     */
    GELU_TANH("geluTanh", x -> x / (1 + Math.exp(-2 * Gelu.SCALE * (x + Gelu.CUBIC * x * x * x))), null, (gradient, operand, y) -> {
        Tensor x = exact(operand.get());
        Tensor squared = x.mul(x);
        Tensor t = inPlace(TANH, squared.mul(Gelu.CUBIC).addInPlace(1).mulInPlace(x).mulInPlace(Gelu.SCALE));
        Tensor inner = squared.mulInPlace(3 * Gelu.CUBIC).addInPlace(1).mulInPlace(Gelu.SCALE);
        Tensor slope = inPlace(NEGATE, t.mul(t)).addInPlace(1).mulInPlace(x).mulInPlace(inner);
        return gradient.mul(t.addInPlace(1).addInPlace(slope).mulInPlace(0.5));
    }),

    /** {@code max(x, 0)}; NaN stays NaN. The derivative at 0 is 0, at NaN 1. */
    RELU("relu", x -> Math.max(x, 0), x -> Math.max(x, 0), (gradient, x, y) -> gradient.unless(x.get().le(0)));

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

    /** The constants of {@link #GELU_TANH}. */
    private static final class Gelu {
        static final double SCALE = Math.sqrt(2 / Math.PI);
        static final double CUBIC = 0.044715;
    }

    /**
     * A gradient while it is multiplied by the terms of a derivative. Each step overwrites the previous one if nothing else needs it.
     *
     * @param value F32 or F64, the arithmetic of the operand's dtype
     * @param own whether the value may be overwritten
     */
    public record Passing(Tensor value, boolean own) {
        /**
         * {@code value factor}.
         *
         * @param factor of the value's shape
         * @return the product
         */
        Passing mul(Tensor factor) {
            return with(Binary.MULTIPLY, factor);
        }

        /**
         * {@code value factor}.
         *
         * @param factor a number
         * @return the product
         */
        Passing mul(double factor) {
            return new Passing(own ? value.mulInPlace(factor) : value.mul(factor), true);
        }

        /**
         * {@code value / divisor}.
         *
         * @param divisor of the value's shape
         * @return the quotient
         */
        Passing div(Tensor divisor) {
            return with(Binary.DIVIDE, divisor);
        }

        /**
         * {@code -value}.
         *
         * @return the negative
         */
        Passing neg() {
            Tensor target = target();
            target.backend().unary(NEGATE, value, target);
            return new Passing(target, true);
        }

        /**
         * 0 where a condition holds, else the value.
         *
         * @param condition of the value's shape, BOOL
         * @return the value or 0
         */
        Passing unless(Tensor condition) {
            Tensor target = target();
            Tensor zero = Tensor.scalar(0, value.dtype()).expand(value.shape().toArray());
            target.backend().where(condition, zero, value, target);
            return new Passing(target, true);
        }

        private Passing with(Binary f, Tensor other) {
            Tensor target = target();
            target.backend().binary(f, value, other.cast(value.dtype()), target);
            return new Passing(target, true);
        }

        private Tensor target() {
            return own ? value : Tensor.empty(value.dtype(), value.shape());
        }
    }

    /**
     * Computes the gradient of the operand of {@code y = f(x)}. Only x or y, if the formula reads them through their suppliers, must be unchanged
     * since the forward pass.
     */
    @FunctionalInterface
    public interface Derivative {
        /**
         * The operand's gradient.
         *
         * @param gradient of the result
         * @param x gives the operand
         * @param y gives the result, in the operand's dtype
         * @return {@code gradient f'(x)}
         */
        Passing apply(Passing gradient, Supplier<Tensor> x, Supplier<Tensor> y);
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
     * Whether operands may be of a type.
     *
     * @param dtype the type
     * @return true for floating types, and for integers if the function has a value for them; false for BOOL, whose elements are not numbers
     */
    public boolean takes(DType dtype) {
        return dtype.isFloating() || ofIntegers != null && dtype != DType.BOOL;
    }

    /**
     * Its derivative.
     *
     * @return the gradient's formula
     */
    public Derivative derivative() {
        return derivative;
    }

    /** The gradient of a step function, which is 0. */
    private static Passing none(Passing gradient, Supplier<Tensor> x, Supplier<Tensor> y) {
        return new Passing(Tensor.full(0, gradient.value.dtype(), gradient.value.shape()), true);
    }

    private static Tensor square(Tensor x) {
        Tensor wide = exact(x);
        return wide.mul(wide);
    }

    private static Tensor oneMinus(Tensor x) {
        return exact(x).neg().addInPlace(1);
    }

    /** Overwrites a tensor of a formula's own by a function of it. */
    private static Tensor inPlace(Unary function, Tensor x) {
        x.backend().unary(function, x, x);
        return x;
    }

    /** In the type that it is computed in. */
    private static Tensor exact(Tensor x) {
        return x.cast(x.dtype().arithmetic());
    }
}
