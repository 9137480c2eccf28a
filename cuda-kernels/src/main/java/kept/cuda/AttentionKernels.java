package kept.cuda;

import kept.tensor.Tensor;

/** Causal grouped-query attention, forward and backward. */
final class AttentionKernels {
    private final GenericAttention generic;

    AttentionKernels(Gpu gpu) {
        generic = new GenericAttention(gpu);
    }

    void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        if (q.elementCount() > 0) {
            generic.forward(q, k, v, scale, out, logSumExp);
        }
    }

    void attentionGradient(Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk,
            Tensor dv) {
        if (q.elementCount() > 0) {
            generic.gradient(gradient, q, k, v, scale, out, logSumExp, dq, dk, dv);
        }
    }
}
