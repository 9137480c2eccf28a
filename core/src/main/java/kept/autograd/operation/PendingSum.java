package kept.autograd.operation;

import java.util.Arrays;
import java.util.function.Function;
import kept.autograd.Autograd;
import kept.autograd.NormalizedSum;
import kept.autograd.Operation;
import kept.backend.Binary;
import kept.tensor.DType;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/**
 * The sum of a residual stream and a branch, which a fused norm kernel computes along with its own result.
 *
 * @param x the residual stream
 * @param branch the branch
 */
record PendingSum(Tensor x, Tensor branch) {
    /**
     * Adds a branch to a stream and normalises the sum, in one kernel where that supports the operands.
     *
     * @param operation the name that an error message starts with
     * @param norm makes the norm of a pending sum, or of a plain operand for null
     * @param operands the stream, the branch, and what the norm takes beside its operand
     */
    static NormalizedSum normalize(String operation, Function<PendingSum, Operation> norm, Tensor... operands) {
        Arguments.usable(operation, operands);
        Tensor x = operands[0];
        Tensor branch = operands[1];
        Operands.checkFloating(operation, x);
        Operands.checkFloating(operation, branch);
        PendingSum pending = isSupported(x, branch) ? new PendingSum(x, branch) : null;
        Tensor sum = pending == null ? x.add(branch) : pending.record();
        Tensor[] inputs = Arrays.copyOfRange(operands, 1, operands.length);
        inputs[0] = sum;
        return new NormalizedSum(sum, Autograd.apply(norm.apply(pending), inputs));
    }

    /** Whether the fused kernel supports these dtypes and shapes; if not, the sum is a separate operation. */
    private static boolean isSupported(Tensor x, Tensor branch) {
        return x.dtype() == DType.F32 && (branch.dtype() == DType.F32 || branch.dtype() == DType.BF16) && x.shape().equals(branch.shape());
    }

    /** Allocates the sum and records it as an addition; the norm's kernel computes the elements. */
    private Tensor record() {
        return Autograd.apply(new Addition(), x, branch);
    }

    /** An addition whose elements the norm's kernel writes. */
    private static final class Addition extends ElementwiseBinary {
        Addition() {
            super(Binary.ADD);
        }

        @Override
        protected Tensor forward(Tensor... inputs) {
            return Tensor.empty(DType.F32, inputs[0].shape());
        }
    }
}
