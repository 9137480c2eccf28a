package kept.backend.composition;

import java.util.List;
import kept.backend.BlockMatrix;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Several products of the same rows, and products with matrices in blocks: {@link kept.backend.FusedKernels}. */
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

    /**
     * {@code outs[i] = x weights[i]^T}, with some rows of a matrix at a time widened to F32.
     *
     * @param x {@code [n, k]}
     * @param weights for each product {@code [width, k]}
     * @param outs for each product {@code [n, width]}
     */
    public static void blockLinearOfEach(Tensor x, List<BlockMatrix> weights, List<Tensor> outs) {
        for (int i = 0; i < outs.size(); i++) {
            Tensor out = outs.get(i);
            long rows = Math.max(1, out.backend().chunkBytes() / Float.BYTES / Math.max(1, x.size(1)));
            for (long first = 0; first < out.size(1); first += rows) {
                long end = Math.min(out.size(1), first + rows);
                try (var _ = Scope.open(out.device())) {
                    Tensor part = weights.get(i).rows(first, end).widen();
                    out.backend().matmul(x, part.transpose(0, 1), out.slice(1, first, end), false);
                }
            }
        }
    }
}
