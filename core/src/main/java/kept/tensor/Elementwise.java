package kept.tensor;

import kept.autograd.Autograd;
import kept.autograd.operation.Cast;
import kept.autograd.operation.Clamp;
import kept.autograd.operation.ElementwiseBinary;
import kept.autograd.operation.ElementwiseScalar;
import kept.autograd.operation.ElementwiseUnary;
import kept.autograd.operation.Power;
import kept.backend.Binary;
import kept.backend.Unary;
import kept.tensor.internal.Arguments;

/**
 * Operations of a {@link Tensor} that compute each element from the elements at the same position.
 *
 * <p>Two operands are broadcast to their common shape: axes are aligned at the innermost, and an extent of 1 stretches to its partner's. Operands of
 * two dtypes are computed in the common dtype, which holds the numbers of both ({@link DType#promote}). A number does not change the tensor's dtype.
 * {@link DType#BOOL} has sums ("or"), products ("and"), extrema and comparisons; other arithmetic throws a {@link DTypeException}.
 */
public sealed interface Elementwise permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The sum {@code this + other}.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor add(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.ADD), self(), other);
    }

    /**
     * The sum {@code this + value}.
     *
     * @param value the number
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor add(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.ADD, value), self());
    }

    /**
     * The difference {@code this - other}.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor sub(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.SUBTRACT), self(), other);
    }

    /**
     * The difference {@code this - value}.
     *
     * @param value the number
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor sub(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.SUBTRACT, value), self());
    }

    /**
     * The product {@code this * other} of each pair of elements.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor mul(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.MULTIPLY), self(), other);
    }

    /**
     * The product {@code this * value}.
     *
     * @param value the number
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor mul(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.MULTIPLY, value), self());
    }

    /**
     * The quotient {@code this / other}; integers divide towards zero.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor div(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.DIVIDE), self(), other);
    }

    /**
     * The quotient {@code this / value}; integers divide towards zero.
     *
     * @param value the number
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor div(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.DIVIDE, value), self());
    }

    /**
     * The smaller of each pair of elements, NaN if either is NaN; equal ones share the gradient by halves.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor minimum(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.MINIMUM), self(), other);
    }

    /**
     * The larger of each pair of elements, NaN if either is NaN; equal ones share the gradient by halves.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape and dtype
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor maximum(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.MAXIMUM), self(), other);
    }

    /**
     * The negative {@code -x}.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor neg() {
        return Autograd.apply(new ElementwiseUnary(Unary.NEGATE), self());
    }

    /**
     * The absolute value {@code |x|}; its gradient at 0 is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor abs() {
        return Autograd.apply(new ElementwiseUnary(Unary.ABS), self());
    }

    /**
     * The exponential {@code e^x}.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor exp() {
        return Autograd.apply(new ElementwiseUnary(Unary.EXP), self());
    }

    /**
     * The natural logarithm.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor log() {
        return Autograd.apply(new ElementwiseUnary(Unary.LOG), self());
    }

    /**
     * The square root.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor sqrt() {
        return Autograd.apply(new ElementwiseUnary(Unary.SQRT), self());
    }

    /**
     * The reciprocal square root {@code 1 / sqrt(x)}.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor rsqrt() {
        return Autograd.apply(new ElementwiseUnary(Unary.RSQRT), self());
    }

    /**
     * The hyperbolic tangent.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor tanh() {
        return Autograd.apply(new ElementwiseUnary(Unary.TANH), self());
    }

    /**
     * The logistic function {@code 1 / (1 + e^-x)}.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor sigmoid() {
        return Autograd.apply(new ElementwiseUnary(Unary.SIGMOID), self());
    }

    /**
     * The sigmoid-weighted unit {@code x * sigmoid(x)}, also called swish.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor silu() {
        return Autograd.apply(new ElementwiseUnary(Unary.SILU), self());
    }

    /**
     * The sine of each element, an angle in radians; NaN for infinities.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor sin() {
        return Autograd.apply(new ElementwiseUnary(Unary.SIN), self());
    }

    /**
     * The cosine of each element, an angle in radians; NaN for infinities.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor cos() {
        return Autograd.apply(new ElementwiseUnary(Unary.COS), self());
    }

    /**
     * The error function, {@code 2 / sqrt(pi)} times the integral of {@code e^-t^2} from 0 to each element.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor erf() {
        return Autograd.apply(new ElementwiseUnary(Unary.ERF), self());
    }

    /**
     * The largest whole number that is not above each element; its gradient is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor floor() {
        return Autograd.apply(new ElementwiseUnary(Unary.FLOOR), self());
    }

    /**
     * The smallest whole number that is not below each element; its gradient is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor ceil() {
        return Autograd.apply(new ElementwiseUnary(Unary.CEIL), self());
    }

    /**
     * The nearest whole number to each element, the even one if two are equally near; its gradient is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor round() {
        return Autograd.apply(new ElementwiseUnary(Unary.ROUND), self());
    }

    /**
     * The sign of each element: -1, 0 or 1, and 0 for NaN; its gradient is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor sign() {
        return Autograd.apply(new ElementwiseUnary(Unary.SIGN), self());
    }

    /**
     * The Gaussian error linear unit {@code x Phi(x)}, where {@code Phi} is the normal distribution function; {@link #geluTanh} approximates it.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor gelu() {
        return Autograd.apply(new ElementwiseUnary(Unary.GELU), self());
    }

    /**
     * The function {@link #gelu} in the tanh approximation {@code x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))}.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor geluTanh() {
        return Autograd.apply(new ElementwiseUnary(Unary.GELU_TANH), self());
    }

    /**
     * The rectifier {@code max(x, 0)}; its gradient at 0 is 0.
     *
     * @return a tensor of this shape and dtype
     */
    default Tensor relu() {
        return Autograd.apply(new ElementwiseUnary(Unary.RELU), self());
    }

    /**
     * The power {@code x^exponent}: by multiplication for whole exponents, otherwise by the logarithm, so that negative x give NaN.
     *
     * @param exponent the exponent
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     * @throws TensorException if the exponent is infinite or NaN
     */
    default Tensor pow(double exponent) {
        return Autograd.apply(new Power(exponent), self());
    }

    /**
     * The square {@code x * x}.
     *
     * @return a tensor of this shape and dtype
     * @throws DTypeException if this is of an integer type
     */
    default Tensor square() {
        Arguments.usable("square", self());
        if (!self().dtype().isFloating()) {
            throw new DTypeException("[square] needs a floating operand, not %s; cast it first".formatted(self().dtype().label()));
        }
        return pow(2);
    }

    /**
     * Each element limited to a range: {@code min(max(x, low), high)}. The gradient passes where x lies in the range, its bounds included.
     *
     * @param low the smallest result; negative infinity for none
     * @param high the largest result; infinity for none
     * @return a tensor of this shape and dtype
     * @throws TensorException if low is above high, or one is NaN
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor clamp(double low, double high) {
        return Autograd.apply(new Clamp(low, high), self());
    }

    /**
     * Where {@code this == other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor eq(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.EQUAL), self(), other);
    }

    /**
     * Where {@code this == value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor eq(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.EQUAL, value), self());
    }

    /**
     * Where {@code this != other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor ne(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.NOT_EQUAL), self(), other);
    }

    /**
     * Where {@code this != value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor ne(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.NOT_EQUAL, value), self());
    }

    /**
     * Where {@code this < other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor lt(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.LESS), self(), other);
    }

    /**
     * Where {@code this < value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor lt(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.LESS, value), self());
    }

    /**
     * Where {@code this <= other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor le(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.LESS_EQUAL), self(), other);
    }

    /**
     * Where {@code this <= value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor le(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.LESS_EQUAL, value), self());
    }

    /**
     * Where {@code this > other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor gt(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.GREATER), self(), other);
    }

    /**
     * Where {@code this > value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor gt(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.GREATER, value), self());
    }

    /**
     * Where {@code this >= other}. Not differentiable.
     *
     * @param other a tensor that broadcasts with this one
     * @return a BOOL tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     * @throws DTypeException if the dtypes have no {@linkplain DType#promote common type}
     */
    default Tensor ge(Tensor other) {
        return Autograd.apply(new ElementwiseBinary(Binary.GREATER_EQUAL), self(), other);
    }

    /**
     * Where {@code this >= value}. Not differentiable.
     *
     * @param value the number
     * @return a BOOL tensor of this shape
     * @throws DTypeException if this is of an integer type that the number does not fit
     */
    default Tensor ge(double value) {
        return Autograd.apply(new ElementwiseScalar(Binary.GREATER_EQUAL, value), self());
    }

    /**
     * These values in another dtype, rounded to nearest even; beyond the range of a floating type they are infinite. Floating to integer truncates
     * towards zero and saturates: a value beyond the type's range becomes the smallest or largest integer, NaN becomes 0. An integer to a shorter
     * type keeps its low bits. To BOOL, 0 is false and all others are true, NaN too. Differentiable between floating types.
     *
     * @param dtype the new element type
     * @return this tensor if it has the dtype, else a dense copy
     */
    default Tensor cast(DType dtype) {
        return self().dtype() == Arguments.present("cast", "the dtype", dtype) ? self() : Autograd.apply(new Cast(dtype), self());
    }
}
