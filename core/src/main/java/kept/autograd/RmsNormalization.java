package kept.autograd;

import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** {@code y = weight * x / sqrt(average(x^2) + epsilon)} over the innermost axis; the gradient is {@link kept.backend.Backend#rmsNormGradient}. */
public final class RmsNormalization extends Operation {
    private static final String NAME = "rms norm";

    private final double epsilon;
    private final DType dtype;
    private Tensor x;
    private Tensor weight;
    private Tensor rstd;

    private RmsNormalization(double epsilon, DType dtype) {
        this.epsilon = epsilon;
        this.dtype = dtype;
    }

    /**
     * Normalises each row.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     * @throws kept.tensor.ShapeException if the weight does not fit x
     */
    public static Tensor apply(Tensor x, Tensor weight, double epsilon) {
        return apply(x, weight, epsilon, x.dtype());
    }

    /**
     * Normalises each row, and rounds the result once to the type wanted.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @param out x's dtype, or BF16 where x is F32
     * @return a tensor of x's shape
     * @throws kept.tensor.ShapeException if the weight does not fit x
     * @throws kept.tensor.DTypeException if x is not rounded to that type
     */
    public static Tensor apply(Tensor x, Tensor weight, double epsilon, DType out) {
        return Autograd.apply(new RmsNormalization(epsilon, out), x, weight);
    }

    /**
     * What {@link #apply} computes, as plain operations in F32.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @return a tensor of x's shape and dtype
     */
    public static Tensor plain(Tensor x, Tensor weight, double epsilon) {
        Tensor wide = x.cast(DType.F32);
        Tensor rstd = wide.square().mean(true, -1).add(epsilon).rsqrt();
        return wide.mul(rstd).mul(weight.cast(DType.F32)).cast(x.dtype());
    }

    @Override
    protected String name() {
        return NAME;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Rows.checkResult(NAME, dtype, inputs[0]);
        Rows.checkVector(NAME, "weight", inputs[1], inputs[0]);
        x = Rows.matrix(inputs[0]);
        weight = Operands.rows(inputs[1]);
        rstd = Tensor.empty(DType.F32, Shape.of(x.size(0)));
        Tensor out = Tensor.empty(dtype, inputs[0].shape());
        out.backend().rmsNorm(x, weight, epsilon, Rows.matrix(out), rstd);
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor dx = gradients.wanted(0) ? Tensor.empty(DType.F32, gradient.shape()) : null;
        GradientSum dWeight = GradientSum.of(gradients, 1, weight.shape());
        gradient.backend().rmsNormGradient(
                Rows.matrix(gradient), x, weight, rstd, dx == null ? null : Rows.matrix(dx), dWeight.tensor());
        dWeight.deliver();
        if (dx != null) {
            gradients.add(0, dx);
        }
    }
}
