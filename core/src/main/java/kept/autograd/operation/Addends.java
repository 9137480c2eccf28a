package kept.autograd.operation;

import kept.autograd.Autograd;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Tensor;

/** The stream and the branch whose sum a norm computes along with its own result. */
record Addends(Tensor x, Tensor branch) {
    /** Whether a norm's kernel takes them: dense rows of one shape. Of others the sum is an operation of its own. */
    static boolean fit(Tensor x, Tensor branch) {
        return x.dtype() == DType.F32 && (branch.dtype() == DType.F32 || branch.dtype() == DType.BF16) && x.shape().equals(branch.shape());
    }

    /** Room for the sum, recorded as that of the two; the norm fills it. */
    Tensor recordedSum() {
        return Autograd.apply(new PendingSum(), x, branch);
    }

    /** A sum whose elements the norm will write. */
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
