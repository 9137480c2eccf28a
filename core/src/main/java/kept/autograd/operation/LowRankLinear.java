package kept.autograd.operation;

import java.util.Arrays;
import java.util.function.IntPredicate;
import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.LowRankUpdate;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The linear map of a matrix with a low-rank update, {@code y = x w^T + scale (x a^T) b^T + bias}. The narrow product {@code h = scale x a^T} is
 * computed again in the backward pass and not saved. With {@code dh = scale dy b}: {@code da = dh^T x}, {@code db = dy^T h},
 * {@code dx = dy w + dh a}, and the gradient of w, where it is trained too, is that of {@link MatMul}.
 */
public final class LowRankLinear extends Product {
    private static final String NAME = "low-rank linear";
    private static final int A = 2;
    private static final int B = 3;
    private static final int BIAS = 4;

    private final double scale;
    private final MatMul base = new MatMul(true);
    private SavedTensor savedX;
    private SavedTensor savedA;
    private SavedTensor savedB;

    private LowRankLinear(double scale) {
        this.scale = scale;
    }

    /**
     * Computes the map.
     *
     * @param x {@code [batch..., rows, in]}, floating
     * @param weight {@code [out, in]}, floating
     * @param bias {@code [out]}, floating, or null for none
     * @param update the change of the weight; of F64 where the weight is, and of other types where it is not
     * @return {@code [batch..., rows, out]}, of the common dtype of x, weight and bias
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if one is of an integer type, or F64 beside other types
     */
    public static Tensor apply(Tensor x, Tensor weight, Tensor bias, LowRankUpdate update) {
        return apply(new LowRankLinear(update.scale()), bias, update, x, weight);
    }

    /**
     * As {@link #apply(Tensor, Tensor, Tensor, LowRankUpdate)} with {@code x = silu(gate) * up}, which is not saved.
     *
     * @param gate {@code [batch..., rows, in]}, floating
     * @param up gate's shape
     * @param weight {@code [out, in]}, floating
     * @param bias {@code [out]}, floating, or null for none
     * @param update the change of the weight
     * @return {@code [batch..., rows, out]}, of the common dtype of gate, up, weight and bias
     * @throws ShapeException if the shapes do not match
     * @throws DTypeException if one is of an integer type, or F64 beside other types
     */
    public static Tensor applyGated(Tensor gate, Tensor up, Tensor weight, Tensor bias, LowRankUpdate update) {
        return apply(new GatedProjection(new LowRankLinear(update.scale())), bias, update, gate, up, weight);
    }

    private static Tensor apply(Operation operation, Tensor bias, LowRankUpdate update, Tensor... factors) {
        Arguments.usable(NAME, factors);
        boolean isInPlace = bias != null && MatMul.addsInPlace(bias, factors);
        Tensor[] inputs = Arrays.copyOf(factors, factors.length + (isInPlace ? 3 : 2));
        inputs[factors.length] = update.a();
        inputs[factors.length + 1] = update.b();
        if (isInPlace) {
            inputs[factors.length + 2] = bias;
        }
        Tensor product = Autograd.apply(operation, inputs);
        return bias == null || isInPlace ? product : product.add(bias);
    }

    @Override
    protected String name() {
        return NAME;
    }

    private void take(Tensor... inputs) {
        Tensor weight = inputs[1];
        Tensor a = inputs[A];
        Tensor b = inputs[B];
        if (weight.rank() != 2 || a.size(1) != weight.size(1) || b.size(0) != weight.size(0)) {
            throw new ShapeException("[%s] a weight %s does not fit an update of b %s times a %s"
                    .formatted(NAME, weight.shape(), b.shape(), a.shape()));
        }
        DType type = Arguments.promote(NAME, inputs[0].dtype(), weight.dtype());
        for (Tensor factor : new Tensor[] {a, b}) {
            if ((factor.dtype() == DType.F64) != (type == DType.F64)) {
                throw new DTypeException("[%s] an update of %s does not fit a product of %s; cast it".formatted(
                        NAME, factor.dtype().label(), type.label()));
            }
        }
        savedX = saved("its operand x", inputs[0]);
        savedA = saved("its operand a", a);
        savedB = saved("its operand b", b);
    }

    private static Tensor[] ofBase(Tensor... inputs) {
        return inputs.length > BIAS ? new Tensor[] {inputs[0], inputs[1], inputs[BIAS]} : new Tensor[] {inputs[0], inputs[1]};
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        take(inputs);
        try (var scope = Scope.open()) {
            Tensor y = base.forward(ofBase(inputs));
            base.addProduct(narrow(inputs[0], inputs[A]), Operands.transposed(inputs[B]), y);
            return scope.keep(y);
        }
    }

    /** {@code h = scale x a^T}, {@code [batch..., rows, rank]}. */
    private Tensor narrow(Tensor x, Tensor a) {
        return new MatMul(true).forward(x, a).mul(scale);
    }

    @Override
    protected Tensor outline(Tensor... inputs) {
        take(inputs);
        return base.outline(ofBase(inputs));
    }

    @Override
    protected boolean roundsGradient(IntPredicate operandRounds) {
        return base.roundsGradient(operandRounds);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        boolean isRead = gradients.isNeeded(1) || gradients.isNeeded(A) || gradients.isNeeded(B);
        backward(gradient, savedX.value(isRead), gradients);
    }

    @Override
    void backward(Tensor gradient, Tensor x, Gradients gradients) {
        base.backward(gradient, x, new Routed(gradients, true, 0, 1, BIAS));
        if (gradients.isNeeded(B)) {
            Tensor h = narrow(x, savedA.value());
            MatMul.of(h, savedB.unchecked()).backward(gradient, h, new Routed(gradients, true, Routed.NONE, B));
        }
        if (gradients.isNeeded(0) || gradients.isNeeded(A)) {
            // The map back through b: dy times b as it lies in memory.
            Tensor dh = new MatMul(false).forward(gradient, savedB.value()).mul(scale);
            MatMul.of(x, savedA.value(gradients.isNeeded(0))).backward(dh, x, new Routed(gradients, false, 0, A));
        }
    }
}
