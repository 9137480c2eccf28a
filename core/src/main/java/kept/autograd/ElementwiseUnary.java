package kept.autograd;

import java.util.Locale;
import kept.backend.Unary;
import kept.tensor.Arguments;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** {@code y = f(x)} for each element; {@code dx = gradient * f'(x)}, with the derivatives in one table. */
public final class ElementwiseUnary extends Operation {
    /** {@code sqrt(2 / pi)} and the cubic coefficient of GELU's tanh approximation. */
    private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

    private static final double GELU_CUBIC = 0.044715;

    private final Unary function;
    private SavedTensor operand;
    private SavedTensor result;

    /**
     * A fresh application.
     *
     * @param function f
     */
    public ElementwiseUnary(Unary function) {
        this.function = Arguments.present("elementwise", "the function", function);
    }

    @Override
    protected String name() {
        return function == Unary.NEGATE ? "neg" : function.name().toLowerCase(Locale.ROOT);
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        boolean ofIntegers = function == Unary.NEGATE || function == Unary.ABS || function == Unary.RELU;
        if (!ofIntegers) {
            Operands.checkFloating(name(), x);
        }
        Tensor y = Tensor.empty(x.dtype(), x.shape());
        y.backend().unary(function, x, y);
        operand = saved("its operand", x);
        result = saved("its result", y);
        return y;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, switch (function) {
            case NEGATE -> gradient.neg();
            case ABS -> {
                Tensor x = operand.value();
                yield gradient.mul(x.gt(0).sub(x.lt(0)).cast(DType.F32));
            }
            case EXP -> gradient.mul(result.value());
            case LOG -> gradient.div(operand.value());
            case SQRT -> gradient.div(result.value()).mul(0.5);
            case RSQRT -> gradient.mul(result.value().cast(DType.F32).pow(3)).mul(-0.5);
            case TANH -> gradient.mul(oneMinus(square(result.value())));
            case SIGMOID -> {
                Tensor y = result.value();
                yield gradient.mul(y).mul(oneMinus(y));
            }
            case SILU -> {
                Tensor x = operand.value();
                Tensor sigmoid = x.cast(DType.F32).sigmoid();
                yield gradient.mul(sigmoid).mul(oneMinus(sigmoid).mul(x).add(1));
            }
            case GELU -> gradient.mul(geluDerivative(operand.value().cast(DType.F32)));
            case RELU -> gradient.mul(operand.value().gt(0).cast(DType.F32));
        });
    }

    /** With {@code t = tanh(s (x + c x^3))}: {@code (1 + t) / 2 + x (1 - t^2) s (1 + 3 c x^2) / 2}. */
    private static Tensor geluDerivative(Tensor x) {
        Tensor squared = x.mul(x);
        Tensor t = squared.mul(GELU_CUBIC).add(1).mul(x).mul(GELU_SCALE).tanh();
        Tensor inner = squared.mul(3 * GELU_CUBIC).add(1).mul(GELU_SCALE);
        return t.add(1).add(x.mul(oneMinus(t.mul(t))).mul(inner)).mul(0.5);
    }

    private static Tensor square(Tensor x) {
        Tensor exact = x.cast(DType.F32);
        return exact.mul(exact);
    }

    private static Tensor oneMinus(Tensor x) {
        return x.cast(DType.F32).neg().add(1);
    }
}
