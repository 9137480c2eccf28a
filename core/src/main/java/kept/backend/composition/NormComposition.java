package kept.backend.composition;

import java.util.function.Supplier;
import kept.backend.LayerNormParameters;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** LayerNorm and RMSNorm over the innermost axis. */
public final class NormComposition {
    private NormComposition() {}

    /**
     * The definition of {@link kept.backend.FusedKernels#layerNorm}.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param bias {@code [width]}, floating
     * @param epsilon above 0
     * @return x's shape, F32
     */
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon) {
        Tensor wide = exact(x);
        Tensor mean = wide.mean(true, -1);
        return layerNorm(wide, weight, bias, mean, layerNormFactor(wide, mean, epsilon));
    }

    private static Tensor layerNormFactor(Tensor x, Tensor mean, double epsilon) {
        return x.sub(mean).square().mean(true, -1).add(epsilon).rsqrt();
    }

    private static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor rstd) {
        return x.sub(mean).mul(rstd).mul(weight.cast(x.dtype())).add(bias.cast(x.dtype()));
    }

    /**
     * {@link kept.backend.FusedKernels#layerNorm}.
     *
     * @param x {@code [n, width]}
     * @param parameters weight, bias and epsilon
     * @param out {@code [n, width]}
     * @param mean {@code [n]}, F32
     * @param rstd {@code [n]}, F32
     */
    public static void layerNorm(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        try (var _ = Scope.open(out.device())) {
            Tensor wide = exact(x);
            Tensor means = wide.mean(true, -1);
            Tensor factors = layerNormFactor(wide, means, parameters.epsilon());
            mean.assign(means.squeeze(1));
            rstd.assign(factors.squeeze(1));
            out.assign(layerNorm(wide, parameters.weight(), parameters.bias(), means, factors));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#layerNormGradient}.
     *
     * @param gradient {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param mean the means that the forward saved
     * @param rstd the reciprocal standard deviations that the forward saved
     * @param dx {@code [n, width]}, F32; null if not needed
     * @param dWeight accumulates; {@code [width]}, F32; null if not needed
     * @param dBias accumulates; {@code [width]}, F32; null if not needed
     */
    public static void layerNormGradient(
            Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        try (var _ = Scope.open(gradient.device())) {
            Tensor factors = rstd.unsqueeze(1);
            Tensor normal = exact(x).sub(mean.unsqueeze(1)).mul(factors);
            accumulateRows(dWeight, () -> gradient.mul(normal));
            accumulateRows(dBias, () -> gradient);
            if (dx != null) {
                Tensor inner = gradient.mul(weight.cast(gradient.dtype()));
                Tensor along = inner.mul(normal).mean(true, -1);
                dx.assign(inner.sub(inner.mean(true, -1)).sub(normal.mul(along)).mul(factors));
            }
        }
    }

    /**
     * The definition of {@link kept.backend.FusedKernels#rmsNorm}.
     *
     * @param x {@code [..., width]}, floating
     * @param weight {@code [width]}, floating
     * @param epsilon above 0
     * @return x's shape, F32
     */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
        Tensor wide = exact(x);
        return rmsNorm(wide, weight, rmsNormFactor(wide, epsilon));
    }

    private static Tensor rmsNormFactor(Tensor x, double epsilon) {
        return x.square().mean(true, -1).add(epsilon).rsqrt();
    }

    private static Tensor rmsNorm(Tensor x, Tensor weight, Tensor rstd) {
        return x.mul(rstd).mul(weight.cast(x.dtype()));
    }

    /**
     * {@link kept.backend.FusedKernels#rmsNorm}.
     *
     * @param x {@code [n, width]}
     * @param weight {@code [width]}
     * @param epsilon above 0
     * @param out {@code [n, width]}
     * @param rstd {@code [n]}, F32
     */
    public static void rmsNorm(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        try (var _ = Scope.open(out.device())) {
            Tensor wide = exact(x);
            Tensor factors = rmsNormFactor(wide, epsilon);
            rstd.assign(factors.squeeze(1));
            out.assign(rmsNorm(wide, weight, factors));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#rmsNormGradient}.
     *
     * @param gradient {@code [n, width]}, F32
     * @param x the forward's input
     * @param weight the forward's weight
     * @param rstd the reciprocal standard deviations that the forward saved
     * @param dx {@code [n, width]}, F32; null if not needed
     * @param dWeight accumulates; {@code [width]}, F32; null if not needed
     */
    public static void rmsNormGradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        try (var _ = Scope.open(gradient.device())) {
            Tensor factors = rstd.unsqueeze(1);
            Tensor normal = exact(x).mul(factors);
            accumulateRows(dWeight, () -> gradient.mul(normal));
            if (dx != null) {
                Tensor inner = gradient.mul(weight.cast(gradient.dtype()));
                dx.assign(inner.sub(normal.mul(inner.mul(normal).mean(true, -1))).mul(factors));
            }
        }
    }

    /** In the type that it is computed in. */
    private static Tensor exact(Tensor x) {
        return x.cast(x.dtype().arithmetic());
    }

    private static void accumulateRows(Tensor sum, Supplier<Tensor> rows) {
        if (sum != null) {
            SumComposition.accumulate(sum, rows.get().sum(0));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#addRmsNormGradient}.
     *
     * @param gradient {@code [n, width]}, F32
     * @param x the forward's input, F32
     * @param weight the forward's weight
     * @param rstd what the forward saved
     * @param sum accumulates; {@code [n, width]}, F32
     * @param rounded {@code [n, width]}, BF16
     * @param dWeight accumulates; {@code [width]}, F32; null if not wanted
     */
    public static void addRmsNormGradient(
            Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor sum, Tensor rounded, Tensor dWeight) {
        try (var _ = Scope.open(sum.device())) {
            Tensor dx = Tensor.empty(DType.F32, sum.shape());
            sum.backend().rmsNormGradient(gradient, x, weight, rstd, dx, dWeight);
            SumComposition.accumulate(sum, dx);
            rounded.assign(sum);
        }
    }
}
