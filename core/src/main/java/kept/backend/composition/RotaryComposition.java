package kept.backend.composition;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** The rotation of pairs of features by their position, in the rotate-half convention. */
public final class RotaryComposition {
    private RotaryComposition() {}

    /**
     * The definition of {@link kept.backend.FusedKernels#rotaryEmbedding}.
     *
     * @param x {@code [batch, sequence, heads, D]}, floating
     * @param cos {@code [sequence, D / 2]}, F32
     * @param sin {@code [sequence, D / 2]}, F32
     * @return x's shape, F32
     */
    public static Tensor rotate(Tensor x, Tensor cos, Tensor sin) {
        long half = x.size(3) / 2;
        Tensor first = x.slice(3, 0, half).cast(x.dtype().arithmetic());
        Tensor second = x.slice(3, half, 2 * half).cast(x.dtype().arithmetic());
        Tensor c = cos.unsqueeze(1);
        Tensor s = sin.unsqueeze(1);
        return Tensor.concat(3, first.mul(c).sub(second.mul(s)), second.mul(c).add(first.mul(s)));
    }

    /**
     * {@link kept.backend.FusedKernels#rotaryEmbedding}.
     *
     * @param x {@code [batch, sequence, heads, D]}
     * @param cos {@code [sequence, D / 2]}, F32
     * @param sin {@code [sequence, D / 2]}, F32
     * @param inverse whether to rotate backwards
     * @param out x's shape and dtype; may be x
     */
    public static void rotate(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        try (var _ = Scope.open(out.device())) {
            out.assign(rotate(x, cos, inverse ? sin.neg() : sin));
        }
    }

    /**
     * {@link kept.backend.FusedKernels#rotaryEmbeddingRounded}.
     *
     * @param x {@code [batch, sequence, heads, D]}, F32
     * @param cos {@code [sequence, D / 2]}, F32
     * @param sin {@code [sequence, D / 2]}, F32
     * @param inverse whether to rotate backwards
     * @param out x's shape, BF16
     */
    public static void rotateRounded(Tensor x, Tensor cos, Tensor sin, boolean inverse, Tensor out) {
        try (var _ = Scope.open(x.device())) {
            Tensor wide = Tensor.empty(DType.F32, x.shape());
            x.backend().rotaryEmbedding(x, cos, sin, inverse, wide);
            out.assign(wide);
        }
    }
}
