package kept.backend.composition;

import java.util.List;
import kept.tensor.Tensor;

/** Several products of the same rows: {@link kept.backend.FusedKernels#linearOfEach}. */
public final class ProductComposition {
    private ProductComposition() {}

    /**
     * {@code outs[i] = x weights[i]^T}, one product after another.
     *
     * @param x {@code [n, k]}
     * @param weights for each product {@code [width, k]}
     * @param outs for each product {@code [n, width]}
     */
    public static void linearOfEach(Tensor x, List<Tensor> weights, List<Tensor> outs) {
        for (int i = 0; i < outs.size(); i++) {
            Tensor out = outs.get(i);
            out.backend().matmul(x, weights.get(i).transpose(0, 1), out, false);
        }
    }
}
