package kept.autograd.operation;

import kept.autograd.FactoredLogits;
import kept.autograd.Gradients;
import kept.backend.Binary;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * The gradients of {@link FactoredLogits}, computed in the forward pass from the gradient of each chunk of logits: {@code dHidden = dLogits head} and
 * {@code dHead += dLogits^T hidden}. The backward pass multiplies them by the loss's own gradient.
 */
final class LogitGradients {
    private final FactoredLogits logits;
    private final Tensor hiddenRows;
    private Tensor dHidden;
    private Tensor dHead;

    /** Allocates the requested gradients in the current scope. */
    LogitGradients(FactoredLogits logits, Tensor hiddenRows, boolean wantHidden, boolean wantHead) {
        this.logits = logits;
        this.hiddenRows = hiddenRows;
        dHidden = wantHidden ? Tensor.empty(DType.F32, hiddenRows.shape()) : null;
        dHead = wantHead ? Tensor.full(0, DType.F32, logits.head().shape()) : null;
    }

    /** Adds the contribution of some rows, given the gradient of their logits. */
    void add(Tensor gradient, long first) {
        long count = gradient.size(0);
        DType type = gradient.backend().productType(logits.head().dtype());
        // A converted copy is as large as the chunk and is freed with it.
        try (var _ = Scope.open(gradient.device())) {
            // Converts once if both products would convert it.
            Tensor dLogits = dHidden != null && dHead != null && type != DType.F32 ? Operands.copy(type, gradient) : gradient;
            if (dHidden != null) {
                dHidden.backend().matmul(dLogits, logits.head(), Rows.range(dHidden, first, count), false);
            }
            if (dHead != null) {
                dHead.backend().matmul(Operands.transposed(dLogits), Rows.range(hiddenRows, first, count), dHead, true);
            }
        }
    }

    /** Adds both as the gradients of operands 0 and 1. */
    void deliver(String operation, Tensor gradient, Gradients gradients) {
        if (dHidden == null && dHead == null) {
            throw new TensorException("[%s] backward has already been run for this loss; compute the loss again".formatted(operation));
        }
        float factor = gradient.item();
        if (dHidden != null) {
            scale(dHidden, factor);
            gradients.add(0, Operands.reshaped(dHidden, logits.hidden().shape()));
        }
        if (dHead != null) {
            scale(dHead, factor);
            gradients.add(1, dHead);
        }
        dHidden = null;
        dHead = null;
    }

    /** Multiplies in place, and adopts the tensor into the backward pass's scope, which frees it after use. */
    private static void scale(Tensor x, float factor) {
        Scope.current().adopt(x);
        if (factor != 1) {
            Tensor constant = Tensor.scalar(factor, DType.F32);
            Shape shape = x.shape();
            x.backend().binary(Binary.MULTIPLY, x, TensorMemory.view(constant, shape, TensorMemory.expandedStrides(constant, shape, "scale"),
                    constant.offset()), x);
        }
    }
}
