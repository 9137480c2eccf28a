package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = x^p} for each element; {@code dx = gradient * p * x^(p - 1)}. */
public final class Power extends Operation {
    private final double exponent;
    private SavedTensor operand;

    /**
     * A fresh application.
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
        try (var scope = Scope.open()) {
            // A copy, since x itself must not be handed out as the result's memory.
            return scope.keep(Operands.copy(x.dtype(), power(Operands.as(DType.F32, x), exponent)));
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        if (exponent == 0 || exponent == 1) {
            // Whatever x is: at 0, x^-1 is infinite, and a constant's gradient is 0 all the same.
            gradients.add(0, exponent == 0 ? gradient.mul(0) : gradient);
            return;
        }
        gradients.add(0, gradient.mul(power(operand.value().cast(DType.F32), exponent - 1)).mul(exponent));
    }

    /** By products for whole exponents, by roots for halves, else {@code e^(p log x)}. */
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
        Tensor one = Tensor.scalar(1, DType.F32).expand(x.shape());
        Tensor result = one;
        Tensor square = x;
        // Whole numbers beyond 2^53 are even, and f32 tells none of their powers from another's.
        for (long left = (long) Math.min(Math.abs(exponent), 0x1p62); left > 0; left >>= 1) {
            if ((left & 1) == 1) {
                result = result == one ? square : result.mul(square);
            }
            if (left > 1) {
                square = square.mul(square);
            }
        }
        return exponent < 0 ? one.div(result) : result;
    }
}
