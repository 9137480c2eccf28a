package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.autograd.Gradients;
import kept.autograd.NormalizedSum;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = weight * x / sqrt(average(x^2) + epsilon)} over the innermost axis; the gradient is {@link kept.backend.Backend#rmsNormGradient}. */
public final class RmsNormalization extends Operation {
    private static final String NAME = "rms norm";

    private final double epsilon;
    private final DType dtype;
    /** The sum that x stands for until it is computed; null afterwards, and for a plain operand. */
    private PendingSum pending;

    private SavedTensor savedX;
    private SavedTensor savedWeight;
    private Tensor rstd;

    private RmsNormalization(double epsilon, DType dtype, PendingSum pending) {
        this.epsilon = Arguments.positive(NAME, "epsilon", epsilon);
        this.dtype = Arguments.present(NAME, "the result's dtype", dtype);
        this.pending = pending;
    }

    /**
     * Normalises each row.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     * @throws kept.tensor.ShapeException if the weight does not match the innermost axis of x
     */
    public static Tensor apply(Tensor x, Tensor weight, double epsilon) {
        return apply(x, weight, epsilon, Arguments.present(NAME, "x", x).dtype());
    }

    /**
     * Normalises each row and rounds the result once to a given dtype.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws kept.tensor.ShapeException if the weight does not match the innermost axis of x
     * @throws kept.tensor.DTypeException if x cannot be rounded to that dtype
     */
    public static Tensor apply(Tensor x, Tensor weight, double epsilon, DType out) {
        return Autograd.apply(new RmsNormalization(epsilon, out, null), x, weight);
    }

    /**
     * Adds a branch to a residual stream and normalises the sum. Values and gradients are bit-identical to {@code x.add(branch)} and {@link #apply};
     * a device with a fused kernel ({@link kept.backend.Backend#addRmsNorm}) reads less memory.
     *
     * @param x the residual stream, {@code [..., width]}, floating
     * @param branch the branch's output, with x's shape, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out the sum's dtype, or BF16 where that is F32
     * @return the sum and the normalised sum
     * @throws kept.tensor.ShapeException if the branch does not have x's shape, or the weight does not match the innermost axis
     * @throws kept.tensor.DTypeException if the sum cannot be rounded to that dtype
     */
    public static NormalizedSum ofSum(Tensor x, Tensor branch, Tensor weight, double epsilon, DType out) {
        return PendingSum.normalize(NAME, pending -> new RmsNormalization(epsilon, out, pending), x, branch, weight);
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Rows.checkNorm(NAME, dtype, inputs);
        Tensor x = Rows.matrix(inputs[0]);
        Tensor weight = Operands.rows(inputs[1]);
        rstd = Tensor.empty(x.dtype().arithmetic(), Shape.of(x.size(0)));
        Tensor out = Tensor.empty(dtype, inputs[0].shape());
        if (pending == null) {
            out.backend().rmsNorm(x, weight, epsilon, Rows.matrix(out), rstd);
        } else {
            try (var _ = Scope.open()) {
                out.backend().addRmsNorm(Rows.matrix(pending.x()), Rows.matrix(pending.branch()), x, weight, epsilon, Rows.matrix(out), rstd);
            }
            pending = null;
        }
        savedX = saved("its operand x", x);
        savedWeight = saved("its weight", weight);
        return out;
    }

    /** Whether x is an F32 stream whose branches compute in BF16, so that the branch which was added to it takes its gradient in BF16. */
    private boolean roundsBranches(Tensor x) {
        return x.dtype() == DType.F32 && dtype == DType.BF16 && x.backend().productType(DType.BF16) == DType.BF16;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor x = savedX.value(gradients.isNeeded(0) || gradients.isNeeded(1));
        Tensor weight = savedWeight.value(gradients.isNeeded(0));
        GradientSum dWeight = GradientSum.of(gradients, 1, weight.shape(), gradient.dtype());
        Tensor sum = gradients.isNeeded(0) && roundsBranches(x) ? gradients.accumulator(0) : null;
        if (sum != null) {
            Tensor rounded = Tensor.empty(DType.BF16, sum.shape());
            gradient.backend().addRmsNormGradient(Rows.matrix(gradient), x, weight, rstd, Rows.matrix(sum), Rows.matrix(rounded), dWeight.tensor());
            dWeight.deliver();
            gradients.leaveRounded(0, rounded);
            return;
        }
        Tensor dx = gradients.isNeeded(0) ? Operands.inPlaceOf(gradient, gradients) : null;
        gradient.backend().rmsNormGradient(
                Rows.matrix(gradient), x, weight, rstd, dx == null ? null : Rows.matrix(dx), dWeight.tensor());
        dWeight.deliver();
        if (dx != null) {
            gradients.add(0, dx);
        }
    }
}
