package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.NormalizedSum;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.LayerNormParameters;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * {@code y = weight * (x - mean) / sqrt(var + epsilon) + bias} over the innermost axis; the gradient is
 * {@link kept.backend.Backend#layerNormGradient}.
 */
public final class LayerNormalization extends Operation {
    private static final String NAME = "layer norm";

    private final double epsilon;
    private final DType dtype;
    /** The sum that x stands for until it is computed; null afterwards, and for a plain operand. */
    private PendingSum pending;

    private SavedTensor savedX;
    private SavedTensor savedWeight;
    private Tensor mean;
    private Tensor rstd;

    private LayerNormalization(double epsilon, DType dtype, PendingSum pending) {
        this.epsilon = Arguments.positive(NAME, "epsilon", epsilon);
        this.dtype = Arguments.present(NAME, "the result's dtype", dtype);
        this.pending = pending;
    }

    /**
     * Normalises each row.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     * @throws kept.tensor.ShapeException if weight or bias do not match the innermost axis of x
     */
    public static Tensor apply(Tensor x, Tensor weight, Tensor bias, double epsilon) {
        return apply(x, weight, bias, epsilon, Arguments.present(NAME, "x", x).dtype());
    }

    /**
     * Normalises each row and rounds the result once to a given dtype.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws kept.tensor.ShapeException if weight or bias do not match the innermost axis of x
     * @throws kept.tensor.DTypeException if x cannot be rounded to that dtype
     */
    public static Tensor apply(Tensor x, Tensor weight, Tensor bias, double epsilon, DType out) {
        return Autograd.apply(new LayerNormalization(epsilon, out, null), x, weight, bias);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum. Values and gradients are bit-identical to {@code x.add(branch)} and {@link #apply};
     * a device with a fused kernel ({@link kept.backend.Backend#addLayerNorm}) reads less memory.
     *
     * @param x the residual stream, {@code [..., width]}, floating
     * @param branch the branch's output, with x's shape, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and the normalised sum
     * @throws kept.tensor.ShapeException if the branch does not have x's shape, or weight or bias do not match the innermost axis
     * @throws kept.tensor.DTypeException if the sum cannot be rounded to that dtype
     */
    public static NormalizedSum ofSum(Tensor x, Tensor branch, Tensor weight, Tensor bias, double epsilon, DType out) {
        return PendingSum.normalize(NAME, pending -> new LayerNormalization(epsilon, out, pending), x, branch, weight, bias);
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Rows.checkNorm(NAME, dtype, inputs);
        Tensor x = Rows.matrix(inputs[0]);
        LayerNormParameters parameters = new LayerNormParameters(Operands.rows(inputs[1]), Operands.rows(inputs[2]), epsilon);
        mean = Tensor.empty(x.dtype().arithmetic(), Shape.of(x.size(0)));
        rstd = Tensor.empty(x.dtype().arithmetic(), Shape.of(x.size(0)));
        Tensor out = Tensor.empty(dtype, inputs[0].shape());
        if (pending == null) {
            out.backend().layerNorm(x, parameters, Rows.matrix(out), mean, rstd);
        } else {
            try (var _ = Scope.open()) {
                out.backend().addLayerNorm(Rows.matrix(pending.x()), Rows.matrix(pending.branch()), x, parameters, Rows.matrix(out), mean, rstd);
            }
            pending = null;
        }
        savedX = saved("its operand x", x);
        savedWeight = saved("its weight", parameters.weight());
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor x = savedX.value(gradients.isNeeded(0) || gradients.isNeeded(1));
        Tensor weight = savedWeight.value(gradients.isNeeded(0));
        Tensor dx = gradients.isNeeded(0) ? Operands.inPlaceOf(gradient, gradients) : null;
        GradientSum dWeight = GradientSum.of(gradients, 1, weight.shape(), gradient.dtype());
        GradientSum dBias = GradientSum.of(gradients, 2, weight.shape(), gradient.dtype());
        gradient.backend().layerNormGradient(
                Rows.matrix(gradient), x, weight, mean, rstd, dx == null ? null : Rows.matrix(dx), dWeight.tensor(), dBias.tensor());
        dWeight.deliver();
        dBias.deliver();
        if (dx != null) {
            gradients.add(0, dx);
        }
    }
}
