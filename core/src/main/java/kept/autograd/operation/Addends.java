package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** A residual stream and a branch, whose sum a fused norm kernel computes along with its own result. */
record Addends(Tensor x, Tensor branch) {
    /** Whether the fused kernel supports these dtypes and shapes; if not, the sum is a separate operation. */
    static boolean fit(Tensor x, Tensor branch) {
        return x.dtype() == DType.F32 && (branch.dtype() == DType.F32 || branch.dtype() == DType.BF16) && x.shape().equals(branch.shape());
    }

    /** Allocates the sum and records it as an addition; the norm's kernel computes the elements. */
    Tensor recordedSum() {
        return Autograd.apply(new PendingSum(), x, branch);
    }

    /** A sum whose elements the norm's kernel writes. */
    private static final class PendingSum extends ElementwiseBinary {
        PendingSum() {
            super(Binary.ADD);
        }

        @Override
        protected Tensor forward(Tensor... inputs) {
            return Tensor.empty(DType.F32, inputs[0].shape());
        }
    }
}
