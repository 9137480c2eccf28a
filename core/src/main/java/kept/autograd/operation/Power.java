package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Binary;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = x^p} for each element; {@code dx = gradient * p * x^(p - 1)}. */
public final class Power extends Operation {
    private final double exponent;
    private SavedTensor operand;

    /**
     * Creates the operation.
     *
     * @param exponent p
     */
    public Power(double exponent) {
        this.exponent = Arguments.finite("pow", "the exponent", exponent);
    }

    @Override
    protected String name() {
        return "pow";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        operand = saved("its operand", x);
        Operands.checkFloating(name(), x);
        if (exponent == 2) {
            Tensor out = Tensor.empty(x.dtype(), x.shape());
            out.backend().binary(Binary.MULTIPLY, x, x, out);
            return out;
        }
        try (var scope = Scope.open()) {
            Tensor y = power(Operands.as(x.dtype().arithmetic(), x), exponent);
            // The result must not share memory with x.
            boolean stays = scope.owns(y) && y.isContiguous() && y.dtype() == x.dtype();
            return scope.keep(stays ? y : Operands.copy(x.dtype(), y));
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        if (exponent == 0 || exponent == 1) {
            // The gradient of a constant is 0 for any x, also at 0, where x^-1 is infinite.
            gradients.add(0, exponent == 0 ? gradient.mul(0) : gradient);
            return;
        }
        gradients.add(0, gradient.mul(power(operand.value().cast(gradient.dtype()), exponent - 1)).mul(exponent));
    }

    /** Uses products for integer exponents, square roots for half-integer ones, otherwise {@code e^(p log x)}. */
    private static Tensor power(Tensor x, double exponent) {
        if (exponent == 0.5) {
            return x.sqrt();
        }
        if (exponent == -0.5) {
            return x.rsqrt();
        }
        if (exponent != Math.rint(exponent)) {
            return x.log().mul(exponent).exp();
        }
        Tensor result = null;
        Tensor square = x;
        // Integers beyond 2^53 are even, and their powers are the same in f32.
        for (long left = (long) Math.min(Math.abs(exponent), 0x1p62); left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = result == null ? square : result.mul(square);
            }
            if (left > 1) {
                square = square.mul(square);
            }
        }
        if (exponent > 0) {
            return result;
        }
        Tensor one = Tensor.scalar(1, x.dtype()).expand(x.shape());
        return exponent < 0 ? one.div(result) : one;
    }
}
