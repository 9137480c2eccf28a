package kept.cuda;

import kept.tensor.Tensor;

/**
 * Causal grouped-query attention, forward and backward. Tensor-core kernels take bf16 with head dimensions 64, 80, 96 and 128 where addresses and
 * strides are multiples of 16 bytes; all other cases take the generic kernels, which are several times slower.
 */
final class AttentionKernels {
    private final TensorCoreAttention tensorCores;
    private final GenericAttention generic;

    AttentionKernels(Gpu gpu) {
        tensorCores = new TensorCoreAttention(gpu);
        generic = new GenericAttention(gpu);
    }

    void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        if (q.elementCount() == 0) {
            return;
        }
        if (tensorCores.fits(q, k, v, scale, out)) {
            tensorCores.forward(q, k, v, scale, out, logSumExp);
        } else {
            generic.forward(q, k, v, scale, out, logSumExp);
        }
    }

    void attentionGradient(Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk,
            Tensor dv) {
        if (k.elementCount() == 0) {
            return;
        }
        if (q.elementCount() > 0 && tensorCores.fits(q, k, v, scale, gradient, out, dq, dk, dv)) {
            tensorCores.gradient(gradient, q, k, v, scale, out, logSumExp, dq, dk, dv);
        } else {
            generic.gradient(gradient, q, k, v, scale, out, logSumExp, dq, dk, dv);
        }
    }
}
