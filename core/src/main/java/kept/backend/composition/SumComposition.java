package kept.backend.composition;

import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** The sum of two floating types: {@link kept.backend.FusedKernels#mixedAdd}. */
public final class SumComposition {
    private SumComposition() {}

    /**
     * {@code out = a + b}: b is converted first.
     *
     * @param a F32, expanded to out's shape
     * @param b any floating dtype, expanded to out's shape
     * @param out F32; may be a
     */
    public static void mixedAdd(Tensor a, Tensor b, Tensor out) {
        if (b.dtype() == DType.F32) {
            out.backend().binary(Binary.ADD, a, b, out);
            return;
        }
        try (var _ = Scope.open(out.device())) {
            Tensor wide = Tensor.empty(DType.F32, out.shape());
            out.backend().copy(b, wide);
            out.backend().binary(Binary.ADD, a, wide, out);
        }
    }

    /**
     * {@code sum += x}.
     *
     * @param sum F32
     * @param x F32, of its shape
     */
    static void accumulate(Tensor sum, Tensor x) {
        sum.backend().binary(Binary.ADD, sum, x, sum);
    }
}
