package kept.backend.composition;

import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Softmax, its logarithm and the logarithm of sums of exponentials along the innermost axis. */
public final class SoftmaxComposition {
    private SoftmaxComposition() {}

    /**
     * {@link kept.backend.FusedKernels#softmax}.
     *
     * @param logarithm true for log-softmax
     * @param x {@code [..., n]}, floating
     * @param out x's shape and dtype; may be x
     */
    public static void softmax(boolean logarithm, Tensor x, Tensor out) {
        if (x.elementCount() == 0) {
            return;
        }
        try (var _ = Scope.open(out.device())) {
            Tensor shifted = shifted(x);
            Tensor powers = shifted.exp();
            Tensor sums = powers.sum(true, -1);
            out.assign(logarithm ? shifted.sub(sums.log()) : powers.div(sums));
        }
    }

    /** {@code x - max x} along the innermost axis, F32. */
    private static Tensor shifted(Tensor x) {
        Tensor wide = x.cast(x.dtype().arithmetic());
        return wide.sub(wide.max(true, -1));
    }

    /**
     * {@link kept.backend.FusedKernels#softmaxGradient}.
     *
     * @param logarithm whether y is the logarithm
     * @param gradient {@code [..., n]}, F32
     * @param y the forward's result
     * @param dx y's shape, F32; may be the gradient
     */
    public static void gradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        try (var _ = Scope.open(dx.device())) {
            Tensor wide = y.cast(y.dtype().arithmetic());
            dx.assign(logarithm
                    ? gradient.sub(wide.exp().mul(gradient.sum(true, -1)))
                    : wide.mul(gradient.sub(gradient.mul(wide).sum(true, -1))));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#logSumExp}.
     *
     * @param x {@code [..., n]}, floating
     * @param out {@code [...]}, F32
     */
    public static void logSumExp(Tensor x, Tensor out) {
        if (x.elementCount() == 0) {
            out.fill(Double.NEGATIVE_INFINITY);
            return;
        }
        try (var _ = Scope.open(out.device())) {
            Tensor wide = x.cast(x.dtype().arithmetic());
            Tensor max = wide.max(true, -1);
            // An infinite maximum is the result; subtracting it from itself would give NaN.
            Tensor shift = Tensor.where(max.abs().eq(Double.POSITIVE_INFINITY), Tensor.scalar(0, max.dtype()), max);
            out.assign(wide.sub(shift).exp().sum(true, -1).log().add(shift).squeeze(-1));
        }
    }
}
