package kept.cuda;

import kept.backend.AttentionOperands;
import kept.tensor.Tensor;

/**
 * Causal grouped-query attention, forward and backward. For few queries over many keys, as in decoding, blocks share the keys. Of the rest,
 * tensor-core kernels take bf16 with head dimensions 64, 80, 96 and 128 where addresses and strides are multiples of 16 bytes; all other cases take
 * the generic kernels, which are several times slower.
 */
final class AttentionKernels {
    private final TensorCoreAttention tensorCores;
    private final GenericAttention generic;
    private final SplitAttention split;

    AttentionKernels(Gpu gpu) {
        tensorCores = new TensorCoreAttention(gpu);
        generic = new GenericAttention(gpu);
        split = new SplitAttention(gpu);
    }

    void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        if (operands.q().elementCount() == 0) {
            return;
        }
        if (SplitAttention.fits(operands)) {
            split.forward(operands, out, logSumExp);
        } else if (tensorCores.fits(operands, out)) {
            tensorCores.forward(operands, out, logSumExp);
        } else {
            generic.forward(operands, out, logSumExp);
        }
    }

    void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        if (operands.k().elementCount() == 0) {
            return;
        }
        if (operands.q().elementCount() > 0 && tensorCores.fits(operands, gradient, out, dq, dk, dv)) {
            tensorCores.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
        } else {
            generic.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
        }
    }
}
