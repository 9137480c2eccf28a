package kept.backend.composition;

import kept.backend.Binary;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Elements limited to a range: {@link kept.backend.FusedKernels#clamp}. */
public final class ClampComposition {
    private ClampComposition() {}

    /**
     * {@code out = min(max(x, low), high)}, in a pass for each bound.
     *
     * @param x any dtype, expanded to out's shape
     * @param low the smallest result; minus infinity for none
     * @param high the largest result; infinity for none
     * @param out x's dtype; may be x
     */
    public static void clamp(Tensor x, double low, double high, Tensor out) {
        Tensor operand = x;
        if (low != Double.NEGATIVE_INFINITY) {
            bound(Binary.MAXIMUM, operand, low, out);
            operand = out;
        }
        if (high != Double.POSITIVE_INFINITY) {
            bound(Binary.MINIMUM, operand, high, out);
        } else if (operand != out) {
            out.backend().copy(operand, out);
        }
    }

    private static void bound(Binary function, Tensor x, double value, Tensor out) {
        try (var _ = Scope.open(out.device())) {
            Tensor number = Tensor.scalar(value, out.dtype());
            out.backend().binary(function, x, TensorMemory.view(number, out.shape(), new long[out.rank()], 0), out);
        }
    }
}
